"""What is asked of each event in the second reading: whether it belongs to an incident."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carecordon.model.event import Kind, Value
from carecordon.model.incident import EntityKind, Incident
from carecordon.pipeline.triage.links import HOUR
from carecordon.pipeline.triage.ordinary import is_root
from carecordon.pipeline.triage.subject import Subject, is_logon, is_start, subject_of
from carecordon.scan.assembly import Assembly
from carecordon.scan.sketch import PROCESS_FIELDS, number_of, numbers_of

AROUND_NS = HOUR
"""How long before the first match and after the last a process is followed; its start is told whenever it was."""
WIDE_NS = 24 * HOUR
"""How long before and after a logon may begin or end, or a service be installed, that belongs to it."""
END_OF_TIME = 1 << 80
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
    likely: set[int] = field(default_factory=set)
    """Numbers, as in a sketch, of all processes that are asked for, on whichever device."""
    positions: dict[int, list[int]] = field(default_factory=dict)
    """`places` in order."""
    moments: list[tuple[int, int]] = field(default_factory=list)
    """When processes started that are asked for."""
    times: list[tuple[int, int]] = field(default_factory=list)
    """When a process may have done something that is asked for, one of those with these `numbers` in a sketch."""
    numbers: set[int] = field(default_factory=set)
    wide_times: list[tuple[int, int]] = field(default_factory=list)
    """When a logon may have begun or a service been installed, one of those with these `wide_numbers`."""
    wide_numbers: set[int] = field(default_factory=set)

    def may_hold(self, number: int, place: int, read: Assembly) -> bool:
        """Return whether a block, the one at `place` of input `number`, may hold an event that is asked for."""
        places = self.positions.get(number, [])
        after = read.before[place + 1] if place + 1 < len(read.before) else read.records
        at = bisect_right(places, read.before[place])
        if at < len(places) and places[at] <= after:
            return True
        span = read.spans[place]
        if span is None:
            return False
        sketch = read.sketches[place]
        return (
            _meets(span, self.moments)
            or (_meets(span, self.times) and not self.numbers.isdisjoint(sketch))
            or (_meets(span, self.wide_times) and not self.wide_numbers.isdisjoint(sketch))
        )

    def is_likely(self, fields: Mapping[str, Value], kind: Kind) -> bool:
        """Return whether an event is worth a closer look: it names a process that is asked for, or tells of a logon."""
        if is_logon(kind) or "ServiceName" in fields:
            return True
        for name in PROCESS_FIELDS:
            value = fields.get(name)
            if isinstance(value, str | int) and number_of(value) in self.likely:
                return True
        return False

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
    starts = [(time, time) for _, time, _ in asked.starts]
    asked.moments = _merged(starts)
    asked.times = _merged([*_times(asked.guids), *_times(asked.pids)])
    asked.numbers = numbers_of([name for _, name in (*asked.guids, *asked.pids)])
    asked.wide_times = _merged([*_times(asked.logons), *_times(asked.services)])
    asked.wide_numbers = numbers_of([name for _, name in (*asked.logons, *asked.services)])
    asked.likely = asked.numbers | numbers_of([name for _, _, name in asked.starts])
    return asked


def _times(index: Mapping[Any, Sequence[Span]]) -> list[tuple[int, int]]:
    return [(first, last) for spans in index.values() for _, first, last, _ in spans]


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


def _ask(asked: Question, number: int, incident: Incident) -> None:
    first, last = incident.first - WIDE_NS, incident.last + WIDE_NS
    asked.devices.update(incident.devices)
    for process in incident.processes:
        name = process.key.split("|", 1)[1].split("@", 1)[0]
        if process.start is not None:
            whole = (process.device, process.start, name)
            asked.starts.setdefault(whole, []).append((number, first, last, process.key))
        if is_root(process.image):
            continue  # what Windows' own programs do besides has nothing to do with it
        since = max(incident.first - AROUND_NS, process.start or 0)
        span = (number, since, incident.last + AROUND_NS, process.key)
        if "-" in name:
            asked.guids.setdefault((process.device, name), []).append(span)
        elif process.pid is not None:
            asked.pids.setdefault((process.device, process.pid), []).append(span)
    logons = {(alert.device, logon) for alert in incident.alerts for logon in subject_of(alert.sample).logons}
    for key in sorted(logons):
        asked.logons.setdefault(key, []).append((number, first, last, None))
    for entity in incident.entities:
        if entity.kind is EntityKind.SERVICE and entity.device:
            asked.services.setdefault((entity.device, entity.name.lower()), []).append((number, first, last, None))
