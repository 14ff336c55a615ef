"""Ready questions: a device's events, free search, counts, how common a value is, the processes around an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.api.ask import rows_of
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Hub, Premises
from carecordon.console.questions import by_settings
from carecordon.model.event import Value
from carecordon.model.person import Role
from carecordon.model.times import rfc3339
from carecordon.telemetry.answer import Denied, Page, Place, Stopped, Stored

HEADER = ("time", "device", "channel", "event_id", "sender", "epoch", "sequence", "received")
PREVALENCE = ("field", "value", "devices", "events", "first", "last")
MOST = 10_000
LONGEST_TEXT = 250
"""Characters of what is searched for: it is held against each field, and a question has room for so much."""
DAY_NS = 86_400 * 1_000_000_000
LAST = (1 << 63) - 1
Since = Annotated[int | None, Query(ge=0, le=LAST, description="UTC ns [default: a day before `until`].")]
Until = Annotated[int | None, Query(ge=0, le=LAST, description="UTC ns, not included [default: now and a little].")]
Device = Annotated[str, Query(min_length=1, max_length=300, description="The machine's name, as events have it.")]
MaybeDevice = Annotated[str | None, Query(max_length=300, description="Of this machine only.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]
After = Annotated[
    str | None, Query(pattern=r"^\d{1,19}/[^/]{1,300}/\d{1,19}/\d{1,19}$", description="As the last answer says.")
]


def list_events(
    request: Request,
    hub: Hub,
    device: Device,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 1_000,
) -> Response:
    """List a device's events, the earliest first."""
    start, end = _span(hub.clock(), since, until)
    with hub.questions.reader() as reader:
        page = reader.events(device, start, end, _cursor(after), _most(hub, limit))
    return respond(request, _page(page, limit))


def search(
    request: Request,
    hub: Hub,
    text: Annotated[str, Query(min_length=1, max_length=LONGEST_TEXT, description="Upper and lower case alike.")],
    device: MaybeDevice = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Find events that have a text in any of their fields."""
    start, end = _span(hub.clock(), since, until)
    with hub.questions.reader() as reader:
        page = reader.search(text, start, end, device, _cursor(after), _most(hub, limit))
    return respond(request, _page(page, limit))


def count(
    request: Request,
    hub: Hub,
    by: Annotated[list[str], Query(min_length=1, max_length=5, description="Columns of the view `events`.")],
    device: MaybeDevice = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
) -> Response:
    """Count events and devices by columns, the most first."""
    start, end = _span(hub.clock(), since, until)
    with hub.questions.reader() as reader:
        return respond(request, rows_of(reader.counts(by, start, end, device, limit), hub.settings.limits, limit))


def prevalence(
    request: Request,
    hub: Hub,
    field: Annotated[str, Query(min_length=1, max_length=100, description="A field, in Sigma's name.")],
    value: Annotated[str, Query(max_length=4_000)],
) -> Response:
    """Say how many devices have a value in a field, and when it was first and last seen."""
    with hub.questions.reader() as reader:
        found = reader.prevalence(field, value)
    if isinstance(found, Denied):
        raise HTTPException(400, str(found))
    if isinstance(found, Stopped):
        return respond(request, Answer(PREVALENCE, [], found.why))
    told = (found.field, found.value, found.devices, found.events, rfc3339(found.first), rfc3339(found.last))
    return respond(request, Answer(PREVALENCE, [dict(zip(PREVALENCE, told, strict=True))]))


def tree(
    request: Request,
    hub: Hub,
    device: Device,
    process: Annotated[str, Query(min_length=1, max_length=100, description="A ProcessGuid.")],
    since: Since = None,
    until: Until = None,
) -> Response:
    """List the events that began a process, its ancestors and all that came of it."""
    start, end = _span(hub.clock(), since, until)
    with hub.questions.reader() as reader:
        page = reader.process_tree(device, process, start, end)
    if not page.events and not page.cut:
        raise HTTPException(404, "no such process in that time")
    most = _most(hub, MOST)
    if len(page.events) > most:
        page = Page(page.events[:most], None, "; ".join(filter(None, (by_settings(most), page.cut))))
    return respond(request, _page(page, MOST))


def show_event(hub: Hub, sender: str, epoch: int, sequence: int) -> Response:
    """Show one event whole."""
    if not (0 <= epoch <= LAST and 0 <= sequence <= LAST):
        raise HTTPException(404, "no such event")
    with hub.questions.reader() as reader:
        found = reader.event(Place(sender, epoch, sequence))
    if found is None:
        raise HTTPException(404, "no such event")
    whole = _header(found) | {"provider": found.kind.provider, "fields": found.fields}
    return Response(encoded(whole), media_type="application/json")


def _span(now: int, since: int | None, until: int | None) -> tuple[int, int]:
    end = min(now + DAY_NS // 24, LAST) if until is None else until
    start = max(0, end - DAY_NS) if since is None else since
    if start >= end:
        raise HTTPException(422, "`since` is not earlier than `until`: nothing lies between them")
    return start, end


def _most(hub: Premises, limit: int) -> int:
    """Return how many rows are given where so many are asked for."""
    return min(limit, hub.settings.limits.question_rows)


def _page(page: Page, limit: int) -> Answer:
    rows = [_header(event) | _fields(event) for event in page.events]
    columns = (*HEADER, *_names(page.events))
    if page.after is None or page.cut:
        return Answer(columns, rows, page.cut)
    time, place = page.after
    after = ("after", f"{time}/{place.sender}/{place.epoch}/{place.sequence}")
    cut = f"only {limit} were asked for" if len(rows) == limit else by_settings(len(rows))
    return Answer(columns, rows, cut, after)


def _header(event: Stored) -> Row:
    return {
        "time": rfc3339(event.time),
        "device": event.device,
        "channel": event.kind.channel,
        "event_id": event.kind.event_id,
        "sender": event.place.sender,
        "epoch": event.place.epoch,
        "sequence": event.place.sequence,
        "received": rfc3339(event.received),
    }


def _fields(event: Stored) -> dict[str, Value]:
    """Return the event's fields; one that is called like a part of the header goes behind a point."""
    return {f".{name}" if name in HEADER else name: value for name, value in event.fields.items()}


def _names(events: Sequence[Stored]) -> list[str]:
    return list(dict.fromkeys(name for event in events for name in _fields(event)))


def _cursor(text: str | None) -> tuple[int, Place] | None:
    if text is None:
        return None
    time, sender, epoch, sequence = text.split("/")
    if max(int(time), int(epoch), int(sequence)) > LAST:
        raise HTTPException(422, "after: no such place")
    return int(time), Place(sender, int(epoch), int(sequence))


READY = Endpoints(
    "ready questions",
    (
        Endpoint("GET", "/events", list_events, Role.READER, "ask"),
        Endpoint("GET", "/events/{sender}/{epoch}/{sequence}", show_event, Role.READER, "ask", form="object"),
        Endpoint("GET", "/search", search, Role.READER, "ask"),
        Endpoint("GET", "/counts", count, Role.READER, "ask"),
        Endpoint("GET", "/prevalence", prevalence, Role.READER, "ask"),
        Endpoint("GET", "/tree", tree, Role.READER, "ask"),
    ),
)
