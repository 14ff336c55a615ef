"""Ready questions to a running hub: a device's events, free search, counts, how common a value is, trees, coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carecordon.cli.hub_line import Line, segment
from carecordon.cli.hub_lists import AsCsv, AsJson, device_of, form_of, list_rows, paths_of
from carecordon.cli.hub_shown import Row
from carecordon.cli.options import fail, moment_of
from carecordon.cli.places import DATA
from carecordon.report.visible import shortened

Asked = str | int | float | list[str] | None
WHAT_CHARS = 400
"""Characters of an event's fields in a table; a program gets all of them."""
HEADER = frozenset(
    ("time", "device", "channel", "event_id", "sender", "epoch", "sequence", "received", "Computer", "Provider_Name")
)
"""What an event's other columns say already, or only a program needs."""
EVENTS = (("time", "When"), ("device", "Device"), ("channel", "Log"), ("event_id", "No."), ("what", "What"))
PROCESSES = (("time", "When"), ("shape", "Process"), ("ProcessId", "Number"), ("CommandLine", "Command line"),
             ("User", "User"), ("ProcessGuid", "ProcessGuid"))  # fmt: skip
PREVALENCE = (("field", "Field"), ("value", "Value"), ("devices", "Devices"), ("events", "Events"), ("first", "First"),
              ("last", "Last"))  # fmt: skip
COUNTED = (("events", "Events"), ("devices", "Devices"), ("first", "First"), ("last", "Last"))
COVERAGE = (("channel", "Channel"), ("device", "Of"), ("events", "Events"), ("last_received", "Last received"))

Since = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="From then on, UTC unless it names a zone (default: a day back)."),
]
Until = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Up to then; a date means its whole day (default: now).")
]
Of = Annotated[str, typer.Argument(metavar="DEVICE", help="The machine's name, as its events have it.")]
MaybeOf = Annotated[str | None, typer.Option(metavar="NAME", help="Of this machine only.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="No more rows than this.")]
After = Annotated[str | None, typer.Option(metavar="PLACE", help="What follows there, as the last answer said.")]


def events(
    *,
    device: Of,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Most = 100,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a machine's events in order of time."""
    query = _span(since, until) | {"device": device, "after": after, "limit": limit}
    form = form_of(as_json, as_csv)
    list_rows(Line(paths_of(data)), "/events", query, EVENTS, form, _nothing("No event", since or after), _event)


def search(
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="In any field; upper and lower case alike.")],
    device: MaybeOf = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Most = 100,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Find events that have a text in any of their fields, the earliest first."""
    query = _span(since, until) | {"text": text, "device": device, "after": after, "limit": limit}
    form = form_of(as_json, as_csv)
    list_rows(Line(paths_of(data)), "/search", query, EVENTS, form, _nothing("No event has it", since or after), _event)


def counts(
    *,
    by: Annotated[list[str], typer.Argument(metavar="COLUMN...", help="One to five columns of the view `events`.")],
    device: MaybeOf = None,
    since: Since = None,
    until: Until = None,
    limit: Most = 100,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Count events and devices for each combination of columns, the most first."""
    query = _span(since, until) | {"by": by, "device": device, "limit": limit}
    columns = (*((name, name) for name in by), *COUNTED)
    list_rows(Line(paths_of(data)), "/counts", query, columns, form_of(as_json, as_csv), _nothing("No event", since))


def prevalence(
    *,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="A field, in Sigma's name: Image, SHA256, ...")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="All of the value, as events have it.")],
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say how common a value is: how many devices have it, first and last seen."""
    query = {"field": field, "value": value}
    list_rows(Line(paths_of(data)), "/prevalence", query, PREVALENCE, form_of(as_json, as_csv), "No event.")


def tree(
    *,
    device: Of,
    process: Annotated[str, typer.Argument(metavar="PROCESS", help="A ProcessGuid, as an event has it.")],
    since: Since = None,
    until: Until = None,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show the tree around a process: what began it, its ancestors and all that came of it."""
    query = _span(since, until) | {"device": device, "process": process}
    form = form_of(as_json, as_csv)
    list_rows(
        Line(paths_of(data)), "/tree", query, PROCESSES, form, _nothing("No process", since), order=branches, hint=""
    )


def coverage(
    *,
    device: Annotated[str, typer.Argument(metavar="ID|NAME", help="Of an enrolled device.")],
    limit: Most = 200,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what was received of each log of a device, and when last."""
    line = Line(paths_of(data))
    path = f"/devices/{segment(device_of(line, device) or device)}/coverage"
    list_rows(line, path, {"limit": limit}, COVERAGE, form_of(as_json, as_csv), "Nothing was seen of it yet.")


def branches(rows: list[Row]) -> list[Row]:
    """Return processes as a tree: each below its parent, its file indented by how far down it stands."""
    known = {row.get("ProcessGuid") for row in rows}
    below: dict[str | None, list[Row]] = {}
    for row in rows:
        parent = row.get("ParentProcessGuid")
        below.setdefault(parent if parent in known and parent != row.get("ProcessGuid") else None, []).append(row)
    waiting = [(row, 0) for row in reversed(below.pop(None, []))]
    made: list[Row] = []
    while waiting:
        row, depth = waiting.pop()
        made.append(row | {"shape": "  " * depth + _file(row)})
        waiting += [(child, depth + 1) for child in reversed(below.pop(row.get("ProcessGuid"), []))]
    circles = (row | {"shape": _file(row)} for rest in below.values() for row in rest)
    return [*made, *circles]


def _file(row: Row) -> str:
    return str(row.get("Image") or "").rpartition("\\")[2] or "?"


def _event(row: Row) -> Row:
    """Return an event as a table shows it: the machine that sent it tells the time where the event itself has none."""
    told = ", ".join(f"{name}={value}" for name, value in row.items() if name not in HEADER and value not in (None, ""))
    return row | {"time": row["time"] or row["received"], "what": shortened(told, WHAT_CHARS)}


def _nothing(what: str, begin: str | None) -> str:
    """Return what is said where nothing was found; who named no beginning may not know how far back was looked."""
    return f"{what}." if begin is not None else f"{what} within a day; --from TIME looks further back."


def _span(since: str | None, until: str | None) -> dict[str, Asked]:
    first, last = moment_of(since, "--from"), moment_of(until, "--to", is_end=True)
    if first is not None and last is not None and first > last:
        fail(f"--from {since} is later than --to {until}: no event can be between them")
    return {"since": first, "until": None if last is None else last + 1}
