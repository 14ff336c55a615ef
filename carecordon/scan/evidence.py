"""The events that belong to incidents, found by reading the same input once more.

What belongs to an incident is a question over places, processes, logons, services and
time, which is known only after everything has been read once. Reading is cheaper than
matching, and where nothing was found nothing is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from carecordon.model.batch import Rows
from carecordon.model.block import Bad
from carecordon.model.event import Kind
from carecordon.model.incident import EntityKind, EventSeen, Incident
from carecordon.pipeline import journey
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.pipeline.triage.links import HOUR
from carecordon.pipeline.triage.ordinary import is_root
from carecordon.pipeline.triage.subject import Subject, is_logon, is_start, read_subject, subject_of
from carecordon.scan.hand import Lost, Task
from carecordon.scan.worker import Setup, wanted

EVENTS_KEPT = 20_000
"""Events of one incident: those that matched before those that stand around them."""
AROUND_NS = 24 * HOUR
"""How long before the first match and after the last an event may stand that a process or logon ties to it."""
CONTEXT_NS = HOUR
"""The same for processes in which nothing matched, and for those known by their process id alone."""

Span = tuple[int, int, int, str | None]
"""Number of the incident, first and last time (UTC ns) in which the question holds, key of the process or None."""


@dataclass(slots=True)
class Question:
    """What is asked of each event: whether it is at one of these places, or of one of these processes and so on.

    `places` per input number, position to incidents; `before` per input number the records before each block.
    """

    places: dict[int, dict[int, list[int]]] = field(default_factory=dict)
    before: dict[int, Sequence[int]] = field(default_factory=dict)
    starts: dict[tuple[str, int], list[Span]] = field(default_factory=dict)
    guids: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    pids: dict[tuple[str, int], list[Span]] = field(default_factory=dict)
    logons: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    services: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)

    def about(self, device: str, subject: Subject, time: int, kind: Kind) -> dict[int, str | None]:
        """Return the incidents that an event belongs to by what it says, each with the process it stands in."""
        found: dict[int, str | None] = {}
        if is_start(kind):
            found = {number: process for number, _, _, process in self.starts.get((device, time), ())}
        for spans in self._spans(device, subject, kind):
            for number, first, last, process in spans:
                if first <= time <= last:
                    found[number] = found.get(number) or process
        return found

    def _spans(self, device: str, subject: Subject, kind: Kind) -> Iterable[Sequence[Span]]:
        if subject.guid is not None:
            yield self.guids.get((device, subject.guid), ())
        elif subject.pid is not None:
            yield self.pids.get((device, subject.pid), ())
        if is_logon(kind):
            for logon in subject.logons:
                yield self.logons.get((device, logon), ())
        if subject.service is not None:
            yield self.services.get((device, subject.service.lower()), ())


def question(incidents: Sequence[Incident], inputs: Mapping[str, list[int]]) -> Question:
    """Return what is to be asked; `inputs` the numbers of the inputs of each name."""
    asked = Question()
    for number, incident in enumerate(incidents):
        for place in incident.places:
            for source in inputs.get(place.file, ()):
                asked.places.setdefault(source, {}).setdefault(place.position, []).append(number)
        _ask(asked, number, incident)
    return asked


def _ask(asked: Question, number: int, incident: Incident) -> None:
    first, last = incident.first - AROUND_NS, incident.last + AROUND_NS
    asked.devices.update(incident.devices)
    for process in incident.processes:
        if process.start is not None:
            asked.starts.setdefault((process.device, process.start), []).append((number, first, last, process.key))
        if is_root(process.image):
            continue  # what Windows' own programs do besides has nothing to do with it
        name = process.key.split("|", 1)[1]
        around = CONTEXT_NS if process.is_context else AROUND_NS
        span = (number, incident.first - around, incident.last + around, process.key)
        if "-" in name:
            asked.guids.setdefault((process.device, name), []).append(span)
        elif process.pid is not None:  # used again once its process has ended
            since = process.start or incident.first - CONTEXT_NS
            span = (number, since, incident.last + CONTEXT_NS, process.key)
            asked.pids.setdefault((process.device, process.pid), []).append(span)
    for alert in incident.alerts:
        for logon in subject_of(alert.sample).logons:
            asked.logons.setdefault((alert.device, logon), []).append((number, first, last, None))
    for entity in incident.entities:
        if entity.kind is EntityKind.SERVICE and entity.device:
            asked.services.setdefault((entity.device, entity.name.lower()), []).append((number, first, last, None))


class Collector:
    """Answers tasks with the events asked for; a worker of the fan."""

    def __init__(self, setup: Setup, asked: Question) -> None:
        """Read as `setup` says, keep what is `asked` for."""
        self._setup = setup
        self._asked = asked
        self._read = journey.reading_only(setup.bound)

    def __call__(self, task: Task | None) -> Collected | list[Collected]:
        """Return what of a block is asked for."""
        return [] if task is None else self.answer(task)

    def answer(self, task: Task) -> Collected:
        """Return the events of a block that are asked for, each with its incidents."""
        collected = Collected(task.source)
        before = self._asked.before[task.source][task.number]
        places = self._asked.places.get(task.source, {})
        for rows in journey.read_step(self._read, feed_named(task.block.feed), task.block):
            if not isinstance(rows, Bad):
                self._collect(wanted(rows, self._setup), before, places, collected)
        return collected

    def _collect(self, rows: Rows, before: int, places: Mapping[int, Sequence[int]], collected: Collected) -> None:
        for row in range(len(rows)):
            kind, device, time, record_id, position = rows.header(row)
            position += before
            matched = places.get(position, ())
            if time is None or not (matched or device in self._asked.devices):
                continue
            fields = rows.complete(row)
            subject = read_subject(fields, kind.channel, kind.event_id)
            told = self._asked.about(device or "", subject, time, kind)
            told |= {number: told.get(number) for number in matched}
            if told:
                event = EventSeen(
                    "", position, record_id, time, device, kind.channel, kind.event_id, None, dict(fields)
                )
                collected.events.append((event, told, frozenset(matched)))


@dataclass(slots=True)
class Collected:
    """What one block gave: events, the incidents that each belongs to with its process, those that it matched in."""

    source: int
    events: list[tuple[EventSeen, dict[int, str | None], frozenset[int]]] = field(default_factory=list)


class Evidence:
    """The events of incidents, put together from all blocks; bounded: those far from the matches go first."""

    def __init__(self, incidents: Sequence[Incident]) -> None:
        """Begin with none."""
        self._incidents = incidents
        self._held: list[dict[tuple[object, ...], tuple[bool, EventSeen]]] = [{} for _ in incidents]
        self.left_out = [0] * len(incidents)

    def take(self, collected: Collected | Lost, name: str) -> None:
        """Take in what a block of the input `name` gave."""
        if isinstance(collected, Lost):
            return
        for event, told, matched in collected.events:
            for number, process in told.items():
                self._keep(number, replace(event, file=name, process=process), is_match=number in matched)

    def events(self, number: int) -> list[EventSeen]:
        """Return the events of an incident in time order, each once however many files it stands in."""
        self._thin(number)
        return sorted((event for _, event in self._held[number].values()), key=_order)

    def _keep(self, number: int, event: EventSeen, *, is_match: bool) -> None:
        held = self._held[number]
        where = (event.file, event.position) if event.record_id is None else ()
        key = (event.time, event.device, event.channel, event.event_id, event.record_id, *where)
        known = held.get(key)
        if known is None or (not is_match, _order(event)) < (not known[0], _order(known[1])):
            held[key] = (is_match, event)
        if len(held) > 2 * EVENTS_KEPT:
            self._thin(number)

    def _thin(self, number: int) -> None:
        held = self._held[number]
        if len(held) <= EVENTS_KEPT:
            return
        incident = self._incidents[number]

        def distance(entry: tuple[bool, EventSeen]) -> tuple[bool, int, tuple[int, str, int]]:
            is_match, event = entry
            return not is_match, max(incident.first - event.time, event.time - incident.last, 0), _order(event)

        ordered = sorted(held.items(), key=lambda item: distance(item[1]))
        self.left_out[number] += len(ordered) - EVENTS_KEPT
        self._held[number] = dict(ordered[:EVENTS_KEPT])


def _order(event: EventSeen) -> tuple[int, str, int]:
    return event.time, event.file, event.position
