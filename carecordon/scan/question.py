"""What is asked of each event in the second reading: whether it belongs to an incident."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from carecordon.model.event import Kind, Value
from carecordon.model.incident import EntityKind, EventSeen, Incident
from carecordon.model.match import Match
from carecordon.pipeline.triage.links import HOUR
from carecordon.pipeline.triage.names import By, Name, named_in, names_of
from carecordon.pipeline.triage.ordinary import is_everywhere, is_protection, is_root, telling_address
from carecordon.pipeline.triage.processes import TWIN_NS
from carecordon.pipeline.triage.subject import Subject, subject_of, text
from carecordon.scan.assembly import Assembly
from carecordon.scan.sketch import bears_any, numbers_of

AROUND_NS = HOUR
"""How long before the first match and after the last a process is followed; its start is told whenever it was."""
WIDE_NS = 24 * HOUR
"""How long before and after a logon may begin or end, or a service be installed, that belongs to it."""
END_OF_TIME = 1 << 80
_ASKED = frozenset({By.TASK, By.FILE, By.POLICY, By.SERVICE, By.CALLER, By.INBOUND})
"""What an alert's event names that is asked for on all devices of the incident."""
_AFTER = frozenset({By.CALLER, By.INBOUND, By.POLICY})
"""What is asked for from the first match on only: before, the same may have been done for good reasons."""
_SCRIPTS = (".bat", ".cmd", ".ps1", ".vbs", ".js", ".hta")
Span = tuple[int, int, int, str | None]
"""Number of the incident, first and last time (UTC ns) in which the question holds, key of the process or None."""


@dataclass(slots=True)
class Question:
    """What is asked of each event: whether it is at one of these places, or bears one of these names at a time.

    `places` per input number, position to incidents; `before` per input number the records before each block.
    `names` of one device, or of all devices of the incident (None); `devices` of each incident.
    """

    places: dict[int, dict[int, list[int]]] = field(default_factory=dict)
    before: dict[int, Sequence[int]] = field(default_factory=dict)
    names: dict[tuple[str | None, Name], list[Span]] = field(default_factory=dict)
    devices: list[frozenset[str]] = field(default_factory=list)
    numbers: set[int] = field(default_factory=set)
    """Numbers, as in a sketch, of all names."""
    positions: dict[int, list[int]] = field(default_factory=dict)
    """`places` in order."""
    parts: list[tuple[list[tuple[int, int]], set[int]]] = field(default_factory=list)
    """For each kind of names the times in which they are asked for, and their numbers."""

    def may_hold(self, number: int, place: int, read: Assembly) -> bool:
        """Return whether a block, the one at `place` of input `number`, may hold an event that is asked for."""
        places = self.positions.get(number, [])
        after = read.before[place + 1] if place + 1 < len(read.before) else read.records
        at = bisect_right(places, read.before[place])
        if at < len(places) and places[at] <= after:
            return True
        span, sketch = read.spans[place], read.sketches[place]
        if span is None:
            return False
        return any(_meets(span, times) and not numbers.isdisjoint(sketch) for times, numbers in self.parts)

    def is_likely(self, fields: Mapping[str, Value], kind: Kind) -> bool:
        """Return whether an event is worth a closer look: it may bear a name that is asked for."""
        return bears_any(kind, fields, self.numbers)

    def about(self, device: str, time: int, kind: Kind, fields: Mapping[str, Value]) -> Belonging:
        """Return the incidents that an event belongs to by what it says, each with the process it stands in."""
        found: Belonging = {}
        for name in names_of(kind, fields):
            for owner in (device, None):
                for number, first, last, process in self.names.get((owner, name), ()):
                    if first <= time <= last and device in self.devices[number]:
                        found[number] = found.get(number) or process
        return found

    def calls(self) -> Question:
        """Return the question that comes first: which logons did the incidents' callers begin."""
        first = Question(before=self.before, devices=self.devices)
        for (device, (by, caller)), spans in self.names.items():
            if by is By.CALLER:
                first.names[device, (By.CALL, caller)] = spans
        first.settle()
        return first

    def follow(self, call: EventSeen, numbers: Iterable[int]) -> None:
        """Ask for all that was done in a logon that a caller of these incidents began."""
        logon = text(call.fields, "TargetLogonId")
        if logon is not None and call.device is not None:
            for number in numbers:
                since, until = call.time, call.time + WIDE_NS
                self.ask(call.device, (By.SESSION, logon.lower()), (number, since, until, None))

    def settle(self) -> None:
        """Draw up what blocks are held against; to be called when all is asked."""
        self.positions = {source: sorted(places) for source, places in self.places.items()}
        self.parts.clear()
        for by in By:
            names = {key: spans for key, spans in self.names.items() if key[1][0] is by}
            times = [(first, last) for spans in names.values() for _, first, last, _ in spans]
            if times:
                self.parts.append((_merged(times), numbers_of(name for _, name in names)))
        self.numbers = set().union(*(numbers for _, numbers in self.parts))

    def ask(self, device: str | None, name: Name, span: Span) -> None:
        """Ask for events that bear a name."""
        self.names.setdefault((device, name), []).append(span)


Belonging = dict[int, str | None]
"""Number of the incident to the key of the process that an event stands in, None where it stands in none."""


def question(incidents: Sequence[Incident], inputs: Mapping[str, list[int]]) -> Question:
    """Return what is to be asked, not yet settled; `inputs` the numbers of the inputs of each name."""
    asked = Question(devices=[frozenset(incident.devices) for incident in incidents])
    for number, incident in enumerate(incidents):
        for place in incident.places:
            for source in inputs.get(place.file, ()):
                asked.places.setdefault(source, {}).setdefault(place.position, []).append(number)
        _ask_processes(asked, number, incident)
        _ask_around(asked, number, incident)
    return asked


def _ask_processes(asked: Question, number: int, incident: Incident) -> None:
    """Ask for what the processes of an incident did, and for how those came to be that only started them."""
    for process in incident.processes:
        if process.image is not None and is_protection(process.image):
            continue
        name = process.key.split("|", 1)[1].split("@", 1)[0]
        since, until = incident.first - AROUND_NS, incident.last + AROUND_NS
        pid = None if process.pid is None else str(process.pid)
        if (start := process.start) is not None:
            asked.ask(process.device, (By.START, name), (number, start, start, process.key))
            if pid is not None:  # the Security log tells of it too
                asked.ask(process.device, (By.START, pid), (number, start - TWIN_NS, start + TWIN_NS, process.key))
            since = max(since, start)
        if is_root(process.image):
            continue  # what Windows' own programs do besides has nothing to do with it
        if "-" in name:
            asked.ask(process.device, (By.GUID, name), (number, since, until, process.key))
        if pid is not None:
            asked.ask(process.device, (By.PID, pid), (number, since, until, process.key))


def _ask_around(asked: Question, number: int, incident: Incident) -> None:
    """Ask for what bears the names of an incident's logons, services, tasks, files, policies and callers."""
    wide = (number, incident.first - WIDE_NS, incident.last + WIDE_NS, None)
    after = (number, incident.first, incident.last + AROUND_NS, None)
    logons: set[tuple[str, str]] = set()
    names: set[Name] = set()
    for alert in incident.alerts:
        subject = subject_of(alert.sample)
        logons.update((alert.device, logon) for logon in subject.logons)
        names.update(name for name in _names_in(alert.sample, subject) if name[0] in _ASKED)
    for process in incident.processes:
        if process.image is not None and not is_everywhere(process.image):
            names.update(named_in(process.image))
        if not process.is_context and process.command_line is not None:
            names.update(name for name in named_in(process.command_line) if name[1].endswith(_SCRIPTS))
    for device, logon in sorted(logons):
        asked.ask(device, (By.LOGON, logon), wide)
    for name in sorted(names):
        asked.ask(None, name, after if name[0] in _AFTER else wide)
    for entity in incident.entities:
        if entity.kind is EntityKind.SERVICE and entity.device:
            asked.ask(entity.device, (By.SERVICE, entity.name.lower()), wide)


def _names_in(sample: Match, subject: Subject) -> Iterator[Name]:
    """Yield the names that a match gives to ask for: those of its event, and where something came from."""
    kind = Kind(sample.channel, None, sample.event_id)
    fields = {name: value for name, value in sample.subject.items() if not _is_common(value)}
    yield from names_of(kind, fields)
    for address in filter(None, map(telling_address, (subject.own, subject.source))):
        yield By.INBOUND, address


def _is_common(value: Value) -> bool:
    return isinstance(value, str) and is_everywhere(value)


def _meets(span: tuple[int, int], times: Sequence[tuple[int, int]]) -> bool:
    """Return whether a span touches one of these, which are in order and do not touch each other."""
    at = bisect_right(times, (span[1], END_OF_TIME))
    return at > 0 and times[at - 1][1] >= span[0]


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of time in order, those that touch made one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged
