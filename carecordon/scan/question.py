"""What is asked of each event in the second reading: whether it belongs to an incident."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from carecordon.model.event import Kind, Value
from carecordon.model.incident import EventSeen
from carecordon.pipeline.triage.names import By, Name, names_of
from carecordon.pipeline.triage.subject import text
from carecordon.scan.assembly import Assembly
from carecordon.scan.sketch import bears_any, numbers_of

END_OF_TIME = 1 << 80
FOLLOWED = 1_000
"""Logons that are followed for one incident."""
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
    ends: list[int] = field(default_factory=list)
    """When each incident's last match is so long ago that nothing is asked for any more (UTC ns)."""
    followed: Counter[int] = field(default_factory=Counter)
    """Logons of each incident's callers; FOLLOWED of them are."""
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
        return any(
            _meets(span, times) and (sketch is None or not numbers.isdisjoint(sketch)) for times, numbers in self.parts
        )

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
        first = Question(before=self.before, devices=self.devices, ends=self.ends)
        for (device, (by, caller)), spans in self.names.items():
            if by is By.CALLER:
                first.names[device, (By.CALL, caller)] = spans
        first.settle()
        return first

    def follow(self, calls: Iterable[tuple[EventSeen, Iterable[int]]]) -> None:
        """Ask for all that was done in the logons that callers of these incidents began."""
        begun = {
            (call.time, call.device, logon.lower(), number)
            for call, numbers in calls
            for number in numbers
            if (logon := text(call.fields, "TargetLogonId")) is not None and call.device is not None
        }
        for time, device, logon, number in sorted(begun):
            self.followed[number] += 1
            if self.followed[number] <= FOLLOWED:
                self.ask(device, (By.SESSION, logon), (number, time, self.ends[number], None))

    def settle(self) -> None:
        """Draw up what blocks are held against; to be called when all is asked."""
        self.positions = {source: sorted(places) for source, places in self.places.items()}
        self.parts.clear()
        for by in By:
            names = {key: spans for key, spans in self.names.items() if key[1][0] is by}
            times = [(first, last) for spans in names.values() for _, first, last, _ in spans]
            if times:
                self.parts.append((merged(times), numbers_of(name for _, name in names)))
        self.numbers = set().union(*(numbers for _, numbers in self.parts))

    def ask(self, device: str | None, name: Name, span: Span) -> None:
        """Ask for events that bear a name."""
        self.names.setdefault((device, name), []).append(span)


Belonging = dict[int, str | None]
"""Number of the incident to the key of the process that an event stands in, None where it stands in none."""


def _meets(span: tuple[int, int], times: Sequence[tuple[int, int]]) -> bool:
    """Return whether a span touches one of these, which are in order and do not touch each other."""
    at = bisect_right(times, (span[1], END_OF_TIME))
    return at > 0 and times[at - 1][1] >= span[0]


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of time in order, those that touch made one."""
    made: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if made and first <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], last)
        else:
            made.append((first, last))
    return made
