"""What one log of one device shows of itself: how much, from when to when, which records, clock steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

from carecordon.model.match import Unseen
from carecordon.model.result import SourceSeen
from carecordon.pipeline.ingest.recordids import UNTIMED, RecordIds

STEP_BACK_NS = 10 * 60 * 1_000_000_000
"""A clock that goes back by more than this has been set; less is drift, or writers that overtake each other."""
NEAR_IDS = 100
"""Two records further apart than this may come from two lives of one log (cleared, or the machine built anew)."""
STEPS_KEPT = 256
TELLING = (Unseen.CLEARED, Unseen.GAP, Unseen.CLOCK)
TOLD_KEPT = 100
"""Events of each of these kinds that are told one by one for each log."""
_NONE = -1
_NEVER = 1 << 80
"""A time that no event reaches: makes the next record take the long way."""
_SEAMS_OPEN = 64


class Told(NamedTuple):
    """An event that says itself that something is missing; `position` in its block, `time` UTC ns or UNTIMED."""

    file: str
    block: int
    position: int
    time: int
    kind: Unseen
    reason: str


class Step(NamedTuple):
    """A clock set back: record `low` has the later time `low_time`, the record `high` after it the earlier one."""

    low: int
    high: int
    low_time: int
    high_time: int

    @property
    def back_ns(self) -> int:
        """Return by how much the clock went back."""
        return self.low_time - self.high_time


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last record of a log in a stretch of blocks: (record id, time) each."""

    file: str
    block: int
    head: tuple[int, int]
    tail: tuple[int, int]


class Track:
    """One log of one device.

    `next` and `time` are what the watch compares the next event with: the record id that
    would follow, and the time it must not fall behind.

    A clock step is seen between two neighbours of a file whose record ids are near and
    whose times run against their ids, so it does not matter whether a file is oldest or
    newest first. A step forward looks like a machine that was off and is not told, unless
    an event tells it; when the clock is put right again, that is a step back. Records without an id tell nothing
    of the clock: their order in the file may be that of their arrival.
    """

    __slots__ = (
        "_first", "_head", "_known", "_last", "_run_low", "_run_time", "_seams", "_tail",
        "events", "ids", "name", "next", "steps", "time", "told", "told_count", "untimed",
    )  # fmt: skip

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.next = _NONE
        self.time = _NEVER
        self.events = 0
        self.untimed = 0
        self.ids = RecordIds()
        self.steps: set[Step] = set()
        self.told: list[Told] = []
        self.told_count: Counter[Unseen] = Counter()
        self._first: int | None = None
        self._last: int | None = None
        self._run_low = 0
        self._run_time = UNTIMED
        self._head: tuple[int, int] | None = None
        self._tail = (_NONE, UNTIMED)
        self._seams: list[Span] = []
        self._known = _SEAMS_OPEN

    def spell(self, name: str | None) -> None:
        """Settle on one spelling of the name, whatever order they come in."""
        if name is not None and (self.name is None or name < self.name):
            self.name = name

    def loose(self, time: int | None) -> None:
        """Take in an event without record id."""
        self.events += 1
        if time is None:
            self.untimed += 1
        else:
            self._widen(time, time)

    def turn(self, rid: int, time: int | None) -> None:
        """Take in an event that does not simply follow the one before."""
        self.close()
        at = UNTIMED if time is None else time
        if self._head is None:
            self._head = (rid, at)
        else:
            self._compare(self._tail, (rid, at))
        self.untimed += time is None
        self.next, self._run_low, self._run_time = rid + 1, rid, at
        self.time = _NEVER if time is None else time

    def close(self) -> None:
        """End the run of records that follow each other."""
        if self.next == _NONE:
            return
        end = UNTIMED if self.time == _NEVER else self.time
        self._tail = (self.next - 1, end)
        self.events += self.next - self._run_low
        self.ids.add(self._run_low, self.next - 1, self._run_time, end)
        if end != UNTIMED:
            self._widen(self._run_time, end)
        self.next, self.time = _NONE, _NEVER

    def tell(self, told: Told) -> None:
        """Take in what an event says of its log."""
        self.told_count[told.kind] += 1
        self._keep_told([told])

    def absorb(self, part: Track, file: str, block: int) -> None:
        """Take in what another track of this log saw in a block of `file`."""
        self.close()
        part.close()
        self.spell(part.name)
        self.events += part.events
        self.untimed += part.untimed
        self.ids.join(part.ids)
        if part._first is not None and part._last is not None:
            self._widen(part._first, part._last)
        self._keep_steps(part.steps)
        self.told_count.update(part.told_count)
        self._keep_told([told if told.file else told._replace(file=file, block=block) for told in part.told])
        self._seams += part._seams
        if part._head is not None:
            self._seams.append(Span(file, block, part._head, part._tail))

    def forget_seams(self, placed: dict[str, tuple[int, set[int]]]) -> None:
        """Compare neighbours among the blocks that are all in place, and keep only the ends of the whole stretch."""
        if len(self._seams) <= self._known:
            return
        done = [span for span in self._seams if span.block < placed.get(span.file, (0, set()))[0]]
        rest = [span for span in self._seams if span.block >= placed.get(span.file, (0, set()))[0]]
        self._seams = rest + self._joined(done)
        self._known = max(_SEAMS_OPEN, 2 * len(self._seams))

    def finish(self) -> None:
        """Make all counts final for reading; more may still be taken in afterwards."""
        self.close()
        self.ids.settle()
        self._joined(self._seams)

    def source(self, device: str | None) -> SourceSeen:
        """Return the log as a row of the table of what was seen."""
        self.finish()
        return SourceSeen(device, self.name, self.events, self._first, self._last)

    def _joined(self, spans: list[Span]) -> list[Span]:
        joined: list[Span] = []
        for span in sorted(spans, key=lambda span: (span.file, span.block)):
            if joined and joined[-1].file == span.file:
                self._compare(joined[-1].tail, span.head)
                joined[-1] = replace(joined[-1], tail=span.tail)
            else:
                joined.append(span)
        return joined

    def _compare(self, one: tuple[int, int], other: tuple[int, int]) -> None:
        (low, low_time), (high, high_time) = (one, other) if one[0] <= other[0] else (other, one)
        if UNTIMED in (low_time, high_time) or not 0 < high - low <= NEAR_IDS:
            return
        if low_time - high_time > STEP_BACK_NS:
            self._keep_steps({Step(low, high, low_time, high_time)})

    def _keep_steps(self, steps: set[Step]) -> None:
        self.steps |= steps
        if len(self.steps) > 2 * STEPS_KEPT:
            largest = sorted(self.steps, key=lambda step: (-step.back_ns, step))
            self.steps = set(largest[: STEPS_KEPT + 1])

    def _keep_told(self, told: list[Told]) -> None:
        self.told += told
        if len(self.told) > 2 * TOLD_KEPT * len(TELLING):
            self.told = self.first_told()

    def first_told(self) -> list[Told]:
        """Return the first of each kind, in the order of the files: many of one kind hide none of another."""
        self.told.sort()
        of_kind = ([told for told in self.told if told.kind is kind][:TOLD_KEPT] for kind in TELLING)
        return sorted(told for some in of_kind for told in some)

    def _widen(self, first: int, last: int) -> None:
        if first != UNTIMED and (self._first is None or first < self._first):
            self._first = first
        if self._last is None or last > self._last:
            self._last = last
