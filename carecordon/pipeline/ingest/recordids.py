"""Which record ids of a log were seen: a set kept as merged runs, the same for any order of arrival."""

from __future__ import annotations

from typing import NamedTuple

GAPS_FOLLOWED = 4096
"""A log with more gaps than this inside its blocks is a selection: its gaps are no longer followed one by one."""
UNTIMED = 0
"""Stands for the time of an event that gives none."""

Run = tuple[int, int, int, int]
"""Record ids from the first to the second, all seen; then the times (UTC ns or UNTIMED) of these two."""


class Gap(NamedTuple):
    """Record ids `low` to `high`, none seen; `before` and `after` are the times of the records around them."""

    low: int
    high: int
    before: int
    after: int

    @property
    def missing(self) -> int:
        """Return how many record ids the gap holds."""
        return self.high - self.low + 1


class RecordIds:
    """A set of record ids: first a piece (what one block holds), then, from the first `join` on, a union of pieces.

    `breaks` counts the gaps inside each piece. It only grows and is the same for any order
    of joining; therefore it, not the number of runs at some moment, decides that a log
    `is_selection`. Memory: at most GAPS_FOLLOWED runs, and one more for each piece.
    """

    __slots__ = ("_is_union", "_settled", "breaks", "high", "low", "runs")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.breaks = 0
        self.low: int | None = None
        self.high: int | None = None
        self._settled = 0
        self._is_union = False

    @property
    def is_selection(self) -> bool:
        """Say whether there are too many gaps to follow."""
        return self.breaks > GAPS_FOLLOWED

    def add(self, low: int, high: int, low_time: int, high_time: int) -> None:
        """Add a run to this piece."""
        self.runs.append((low, high, low_time, high_time))
        if len(self.runs) > 2 * self._settled + GAPS_FOLLOWED:
            self.settle()

    def join(self, piece: RecordIds) -> None:
        """Add the ids of another piece or union, which is spent by it."""
        if not self._is_union:
            self.settle()
            self._is_union = True
        piece.settle()
        self.breaks += piece.breaks
        self._widen(piece.low, piece.high)
        self.runs += piece.runs
        if self.is_selection:
            self.runs, self._settled = [], 0
        elif len(self.runs) > 2 * self._settled + GAPS_FOLLOWED:
            self.settle()

    def settle(self) -> None:
        """Merge the runs; a piece also counts its gaps, and lets go of its runs where there are too many."""
        if not self.runs:
            return
        self.runs = _merged(self.runs)
        self._settled = len(self.runs)
        self._widen(self.runs[0][0], self.runs[-1][1])
        if not self._is_union and not self.is_selection:
            self.breaks = len(self.runs) - 1
        if self.is_selection:
            self.runs, self._settled = [], 0

    def gaps(self) -> list[Gap]:
        """Return the gaps in ascending order; none for a selection."""
        self.settle()
        return [Gap(a[1] + 1, b[0] - 1, a[3], b[2]) for a, b in zip(self.runs, self.runs[1:], strict=False)]

    def _widen(self, low: int | None, high: int | None) -> None:
        if low is not None and (self.low is None or low < self.low):
            self.low = low
        if high is not None and (self.high is None or high > self.high):
            self.high = high


def _merged(runs: list[Run]) -> list[Run]:
    """Return the union of `runs`, ascending and apart; of two times for one end, the earlier low and the later high."""
    ordered = sorted(runs)
    merged = []
    low, high, low_time, high_time = ordered[0]
    for run in ordered:
        if run[0] > high + 1:
            merged.append((low, high, low_time, high_time))
            low, high, low_time, high_time = run
        elif run[1] > high:
            high, high_time = run[1], run[3]
        elif run[1] == high:
            high_time = max(high_time, run[3])
    merged.append((low, high, low_time, high_time))
    return merged
