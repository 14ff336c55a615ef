"""An incident of the hub told: its events fetched from the store, those that belong to it chosen, its story made."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console

from carecordon.console.premises import Premises
from carecordon.model import incident as incidents
from carecordon.model.incident import Case, EventSeen, Incident
from carecordon.model.kept import IncidentRow
from carecordon.model.merged import FILE_SEPARATOR
from carecordon.register.identity import incident_of
from carecordon.report.case_entries import cases
from carecordon.report.format import View
from carecordon.report.story.samples import sample_events
from carecordon.report.story.tell import tell_story
from carecordon.scan.asking import AROUND_NS, question
from carecordon.scan.question import Belonging, Question
from carecordon.telemetry.answer import Place, Stored
from carecordon.telemetry.backends.clickhouse import ClickHouseReader

AROUND = 20_000
"""Events of an incident's devices that are looked through for what belongs to it."""
PAGE = 1_000
DEVICES = 20
PROCESSES = 200
SINGLY = 200
"""Matched events that are fetched one by one, where they are not among those."""
KEPT = 5_000
NO_STORE = "The store of events does not answer: only the first match of each alert is told."
TOO_MUCH = (
    f"More than {AROUND:,} events lie around the incident, or on too many devices, or more than a question may cost:"
    " not all were looked through."
)


def case_of(hub: Premises, row: IncidentRow) -> Case:
    """Return the incident with its story and its events; what could not be looked at is told in it."""
    incident = incident_of(row.body)
    try:
        events, left_out = _events(hub, incident)
        unseen = (TOO_MUCH,) if left_out else ()
    except ConnectionError:
        events, left_out, unseen = sample_events(incident), 0, (NO_STORE,)
    told = tell_story(incident, events, [], hub.words)
    return Case(incident, replace(told, unknown=(*unseen, *told.unknown)), events, left_out)


def brief_of(hub: Premises, number: int) -> str:
    """Return the incident in a sentence or two, from what the register holds alone; '' where it is part of another."""
    row = hub.register.cases.incident(number)
    if row is None:
        return ""
    incident = incident_of(row.body)
    return tell_story(incident, sample_events(incident), [], hub.words).summary


def page_of(case: Case, width: int) -> str:
    """Return the case as a page of plain text."""
    paper = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None, _environ={})
    lines: list[str] = []
    for piece in cases([case], View(width=width)):
        rendered = paper.render_lines(piece, pad=False)
        lines += ["".join(segment.text for segment in segments).rstrip() for segments in rendered]
    return "\n".join(lines).strip("\n") + "\n"


def _events(hub: Premises, incident: Incident) -> tuple[list[EventSeen], int]:
    """Return the events that belong to an incident, in order of time, and how many there was no room for."""
    places = list(dict.fromkeys(place for place in map(_place, incident.places) if place is not None))
    with hub.questions.reader() as reader:
        around, left_out = _around(reader, incident)
        found = {event.place: event for event in around}
        lacking = [place for place in places if place not in found]
        for place in lacking[:SINGLY]:
            event = reader.event(place)
            if event is not None:
                found[place] = event
    asked, matched = _question(incident, around), frozenset(places)
    belonging = ((event, _about(asked, event)) for event in found.values())
    seen = [_seen(event, about.get(0)) for event, about in belonging if about or event.place in matched]
    told = sample_events(incident)
    unstored = [event for event in told if _place(incidents.Place(event.file, event.position, "")) is None]
    seen = sorted([*seen, *unstored] if seen else told, key=lambda one: (one.time, one.file, one.position))
    return seen[:KEPT], left_out + max(0, len(seen) - KEPT) + max(0, len(lacking) - SINGLY)


def _about(asked: Question, event: Stored) -> Belonging:
    return asked.about(event.device or "", event.moment, event.kind, event.fields)


def _question(incident: Incident, around: Iterable[Stored]) -> Question:
    """Return what is asked of each event, the logons that its callers began among it."""
    asked = question([incident], {})
    asked.settle()
    calls = asked.calls()
    told = ((event, _about(calls, event)) for event in around)
    begun = [(_seen(event, None), list(about)) for event, about in told if about]
    asked.follow(begun)
    asked.settle()
    return asked


def _around(reader: ClickHouseReader, incident: Incident) -> tuple[list[Stored], int]:
    """Return what the incident's devices did around it, and for how many of them that is not all."""
    since, until = incident.first - AROUND_NS, incident.last + AROUND_NS
    found: dict[Place, Stored] = {}
    devices = incident.devices[:DEVICES]
    cut = len(incident.devices) - len(devices)
    for number, device in enumerate(devices):
        room = max(PAGE, (AROUND - len(found)) // (len(devices) - number))
        page = reader.events(device, since, until, limit=room)
        events = page.events
        if page.after is not None or page.cut:
            cut += 1
            events += _of_processes(reader, incident, device)
        found |= {event.place: event for event in events}
    return list(found.values()), cut


def _of_processes(reader: ClickHouseReader, incident: Incident, device: str) -> tuple[Stored, ...]:
    """Return what the incident's processes on a device did, where what happened there is too much to look through."""
    known = [process for process in incident.processes if process.device == device][:PROCESSES]
    names = [process.key.split("|", 1)[1].split("@", 1)[0] for process in known]
    guids = [name for name in names if "-" in name]
    pids = [process.pid for process in known if process.pid is not None]
    since, until = incident.first - AROUND_NS, incident.last + AROUND_NS
    return reader.events_of(device, guids, pids, since, until, limit=PAGE).events if guids or pids else ()


def _place(place: incidents.Place) -> Place | None:
    """Return where a match lies in the store; None where it was found in a file."""
    sender, _, epoch = place.file.rpartition(FILE_SEPARATOR)
    return Place(sender, int(epoch), place.position) if sender and epoch.isdecimal() else None


def _seen(event: Stored, process: str | None) -> EventSeen:
    record = event.fields.get("EventRecordID")
    return EventSeen(
        event.file,
        event.place.sequence,
        record if isinstance(record, int) and not isinstance(record, bool) else None,
        event.moment,
        event.device,
        event.kind.channel,
        event.kind.event_id,
        process,
        event.fields,
    )
