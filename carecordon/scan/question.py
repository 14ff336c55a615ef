"""What is asked of each event in the second reading: whether it belongs to an incident."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from carecordon.model.event import Kind, Value
from carecordon.model.incident import EntityKind, Incident
from carecordon.pipeline.triage.links import HOUR
from carecordon.pipeline.triage.ordinary import is_root
from carecordon.pipeline.triage.subject import Subject, guid, is_logon, is_start, subject_of
from carecordon.pipeline.triage.subject import number as process_id
from carecordon.scan.assembly import Assembly

AROUND_NS = 24 * HOUR
"""How long before the first match and after the last a logon or a process may stand that belongs to it."""
CONTEXT_NS = HOUR
"""The same for processes in which nothing matched, and for those known by their process id alone."""
NAMES_KNOWN = 200_000
PROCESS_FIELDS = (
    "ProcessGuid",
    "ProcessId",
    "NewProcessId",
    "SourceProcessGuid",
    "SourceProcessGUID",
    "SourceProcessId",
)
"""Where an event names the process that it is about."""

Span = tuple[int, int, int, str | None]
"""Number of the incident, first and last time (UTC ns) in which the question holds, key of the process or None."""


@dataclass(slots=True)
class Question:
    """What is asked of each event: whether it is at one of these places, or of one of these processes and so on.

    `places` per input number, position to incidents; `before` per input number the records before each block.
    """

    places: dict[int, dict[int, list[int]]] = field(default_factory=dict)
    before: dict[int, Sequence[int]] = field(default_factory=dict)
    starts: dict[tuple[str, int, str], list[Span]] = field(default_factory=dict)
    guids: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    pids: dict[tuple[str, int], list[Span]] = field(default_factory=dict)
    logons: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    services: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    names: set[str | int] = field(default_factory=set)
    """Ids of the processes that are asked for, on whichever device."""
    positions: dict[int, list[int]] = field(default_factory=dict)
    """`places` in order."""
    times: list[tuple[int, int]] = field(default_factory=list)
    """When something may have happened that is asked for, by what it says."""
    known: dict[str | int, bool] = field(default_factory=dict)
    """Spellings of ids, and whether they are asked for."""

    def may_hold(self, number: int, block: int, read: Assembly) -> bool:
        """Return whether a block of an input may hold an event that is asked for."""
        places = self.positions.get(number, [])
        after = read.before[block + 1] if block + 1 < len(read.before) else read.records
        at = bisect_right(places, read.before[block])
        if at < len(places) and places[at] <= after:
            return True
        span = read.spans[block]
        return span is not None and any(first <= span[1] and span[0] <= last for first, last in self.times)

    def is_likely(self, fields: Mapping[str, Value], kind: Kind) -> bool:
        """Return whether an event is worth a closer look: it names a process that is asked for, or tells of a logon."""
        if is_logon(kind) or "ServiceName" in fields:
            return True
        for name in PROCESS_FIELDS:
            value = fields.get(name)
            if isinstance(value, str | int) and self._names_wanted(value):
                return True
        return False

    def _names_wanted(self, value: str | int) -> bool:
        known = self.known.get(value)
        if known is None:
            told = {"ProcessGuid": value, "ProcessId": value}
            names = (guid(told, "ProcessGuid"), process_id(told, "ProcessId"))
            known = any(name in self.names for name in names if name is not None)
            if len(self.known) < NAMES_KNOWN:
                self.known[value] = known
        return known

    def about(self, device: str, subject: Subject, time: int, kind: Kind) -> dict[int, str | None]:
        """Return the incidents that an event belongs to by what it says, each with the process it stands in."""
        found: dict[int, str | None] = {}
        if is_start(kind):
            names = (subject.guid, None if subject.pid is None else str(subject.pid))
            for name in names:
                if name is not None:
                    found |= {number: process for number, _, _, process in self.starts.get((device, time, name), ())}
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
    asked.positions = {source: sorted(places) for source, places in asked.places.items()}
    spans = [
        span
        for index in (asked.guids, asked.pids, asked.logons, asked.services)
        for held in index.values()
        for span in held
    ]
    starts = [(time, time) for _, time, _ in asked.starts]
    asked.times = _merged([*((first, last) for _, first, last, _ in spans), *starts])
    asked.names = {name for _, name in asked.guids} | {pid for _, pid in asked.pids}
    asked.names |= {int(name) if name.isdigit() else name for _, _, name in asked.starts}
    return asked


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of time in order, those that touch made one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _ask(asked: Question, number: int, incident: Incident) -> None:
    first, last = incident.first - AROUND_NS, incident.last + AROUND_NS
    asked.devices.update(incident.devices)
    for process in incident.processes:
        name = process.key.split("|", 1)[1].split("@", 1)[0]
        if process.start is not None:
            whole = (process.device, process.start, name)
            asked.starts.setdefault(whole, []).append((number, first, last, process.key))
        if is_root(process.image):
            continue  # what Windows' own programs do besides has nothing to do with it
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
