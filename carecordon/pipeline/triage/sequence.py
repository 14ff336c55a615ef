"""Rules in order: the tightest runs of events that follow a temporal_ordered rule's list.

For every way to have got through part of the list we keep only the run that started
last: any later event that could extend an older run extends that one too, and its window
stays open longer. So the work per event does not grow with the number of events.
"""

from __future__ import annotations

from collections.abc import Mapping

from carecordon.model.correlation import Expression
from carecordon.model.errors import OurFault
from carecordon.pipeline.triage.conditions import GROWING_OPS, Bounds, Figure, denied, holds, meets
from carecordon.pipeline.triage.gather import Occurrence

RUNS_MAX = 4096
"""Runs kept for one group: reached only by an expression over more than a dozen rules."""

Start = tuple[int, int]
"""Time and number of a run's first event."""

Run = tuple[int, int, int]
"""Last step, how many steps, and (for an expression) the steps taken or spoilt, as bits."""


class Sequences:
    """How many different rules matched in the order of the list, and whether the right ones did.

    An event is one step at most. A step that the expression denies is none: it spoils the
    runs that were under way.
    """

    __slots__ = ("_bounds", "_denied", "_expression", "_fresh", "_runs", "_skips", "_steps", "_time", "_whole")

    def __init__(
        self, bounds: Bounds, expression: Expression | None, steps: tuple[str, ...], *, over_whole_window: bool
    ) -> None:
        """`over_whole_window`: judge the longest run of the window, not those that the last moment completed."""
        self._bounds = bounds
        self._expression = expression
        self._steps = steps
        unwanted = denied(expression)
        self._denied = frozenset(step for step, rule in enumerate(steps) if rule in unwanted)
        self._skips = len(steps) if over_whole_window or expression is not None else _skips(bounds, len(steps))
        self._whole = over_whole_window
        self._runs: dict[Run, Start] = {}
        self._fresh: dict[Run, Start] = {}
        self._time: int | None = None

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event; events of equal time come in the order of their steps."""
        if event.time != self._time:
            self._time = event.time
            self._fresh = {}
        grown: dict[Run, Start] = {}
        for step in event.steps:
            if step not in self._denied:
                self._extend(step, (event.time, number), grown)
        _keep_latest(self._runs, grown)
        _keep_latest(self._fresh, grown)
        spoilt = sum(1 << step for step in event.steps if step in self._denied)
        if spoilt:
            self._runs = _spoil(self._runs, spoilt)
            self._fresh = _spoil(self._fresh, spoilt)

    def leave(self, event: Occurrence) -> None:
        """Let go of the oldest event: runs are dropped by their start, in `verdict`."""

    def verdict(self, since: int, first: int) -> tuple[Figure, int] | None:
        """Return the length of the longest run that satisfies the condition, and where it starts."""
        self._forget(since)
        candidates = self._runs if self._whole else self._fresh
        fitting = [
            (run[1], start)
            for run, start in candidates.items()
            if start[0] >= since and (self._expression is None or self._satisfies(run[2]))
        ]
        if not fitting:
            return None
        length, start = max(fitting)
        if not meets(self._bounds, length):
            return None
        return length, first if self._whole else max(first, start[1])

    def _extend(self, step: int, here: Start, grown: dict[Run, Start]) -> None:
        """Add to `grown` the runs that end with this step."""
        bit = 0 if self._expression is None else 1 << step
        if step <= self._skips:
            _keep_latest(grown, {(step, 1, bit): here})
        for (last, length, taken), start in self._runs.items():
            if last < step and step - length <= self._skips:
                _keep_latest(grown, {(step, length + 1, taken | bit): start})

    def _satisfies(self, taken: int) -> bool:
        """Return whether the expression is true of a run's steps."""
        seen = {rule for step, rule in enumerate(self._steps) if taken >> step & 1}
        return self._expression is None or holds(self._expression, seen)

    def _forget(self, since: int) -> None:
        """Drop runs that started before the window, and the oldest where there are too many."""
        if any(start[0] < since for start in self._runs.values()):
            self._runs = {run: start for run, start in self._runs.items() if start[0] >= since}
        if len(self._runs) > RUNS_MAX:
            latest = sorted(self._runs.items(), key=lambda item: item[1])[-RUNS_MAX:]
            self._runs = dict(latest)


def last_opener(bounds: Bounds, expression: Expression | None, steps: int) -> int:
    """Return the last of the steps that a run may begin with, where lower bounds or an expression decide."""
    return steps - 1 if expression is not None else _skips(bounds, steps)


def _skips(bounds: Bounds, steps: int) -> int:
    """Return how many steps a run may leave out and still satisfy lower bounds."""
    needed = 1
    for op, limit in bounds:
        if op not in GROWING_OPS:
            raise OurFault(f"{op} is judged over the whole window")
        needed = max(needed, int(limit) + 1 if op == "gt" or limit != int(limit) else int(limit))
    return max(steps - needed, 0)


def _keep_latest(runs: dict[Run, Start], more: Mapping[Run, Start]) -> None:
    """Add runs, keeping of equal ones that which started last."""
    for run, start in more.items():
        if run not in runs or runs[run] < start:
            runs[run] = start


def _spoil(runs: Mapping[Run, Start], bits: int) -> dict[Run, Start]:
    """Return the runs with denied steps noted, whatever their order."""
    spoilt: dict[Run, Start] = {}
    for (last, length, taken), start in runs.items():
        _keep_latest(spoilt, {(last, length, taken | bits): start})
    return spoilt
