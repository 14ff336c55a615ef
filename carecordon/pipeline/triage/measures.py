"""What a window amounts to: the figure of its events, kept up as they enter and leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import Protocol, cast

from carecordon.model.correlation import CorrelationRule, CorrelationType, Expression
from carecordon.pipeline.triage.conditions import Bounds, Figure, bounds_of, holds, meets, needs_whole_window, steps_of
from carecordon.pipeline.triage.gather import Occurrence
from carecordon.pipeline.triage.sequence import Sequences, last_opener

Verdict = tuple[Figure, int]
"""The figure that satisfies the condition, and the number of the first event that belongs to it."""


class Measure(Protocol):
    """Follows the window of one group. Events are numbered from 0 as they enter."""

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""

    def leave(self, event: Occurrence) -> None:
        """Let go of the oldest event."""

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the figure if the condition holds now, for a window from time `since`, its first event `first`."""


def measure_for(rule: CorrelationRule, *, builds_on_correlations: bool) -> Measure:
    """Return a fresh measure for one group of the rule."""
    bounds = bounds_of(rule)
    match rule.type:
        case CorrelationType.EVENT_COUNT:
            return Distinct(bounds) if builds_on_correlations else Count(bounds)
        case CorrelationType.VALUE_COUNT:
            return Distinct(bounds)
        case CorrelationType.VALUE_SUM:
            return Total(bounds)
        case CorrelationType.VALUE_AVG:
            return Average(bounds)
        case CorrelationType.VALUE_PERCENTILE:
            return Percentile(bounds, rule.percentile)
        case CorrelationType.VALUE_MEDIAN:
            return Percentile(bounds, 50)
        case CorrelationType.TEMPORAL:
            return RulesSeen(bounds, rule.expression, steps_of(rule))
        case CorrelationType.TEMPORAL_ORDERED:
            return Sequences(bounds, rule.expression, steps_of(rule), over_whole_window=needs_whole_window(rule))


def opener_of(rule: CorrelationRule) -> int | None:
    """Return the last step that a window of the rule may begin with; None where it may with any.

    What comes in order cannot go on before it has begun: a logon that no guessing came before need not be remembered.
    """
    if rule.type is not CorrelationType.TEMPORAL_ORDERED or needs_whole_window(rule):
        return None
    return last_opener(bounds_of(rule), rule.expression, len(steps_of(rule)))


class Count:
    """How many events."""

    __slots__ = ("_bounds", "_count")

    def __init__(self, bounds: Bounds) -> None:
        """Start from an empty window."""
        self._bounds = bounds
        self._count = 0

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""
        self._count += 1

    def leave(self, event: Occurrence) -> None:
        """Let go of the oldest event."""
        self._count -= 1

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the number of events if the condition holds."""
        return (self._count, first) if meets(self._bounds, self._count) else None


class Distinct:
    """How many different values."""

    __slots__ = ("_bounds", "_seen")

    def __init__(self, bounds: Bounds) -> None:
        """Start from an empty window."""
        self._bounds = bounds
        self._seen: dict[Hashable, int] = {}

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""
        self._seen[event.value] = self._seen.get(event.value, 0) + 1

    def leave(self, event: Occurrence) -> None:
        """Let go of the oldest event."""
        left = self._seen[event.value] - 1
        if left:
            self._seen[event.value] = left
        else:
            del self._seen[event.value]

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the number of different values if the condition holds."""
        figure = len(self._seen)
        return (figure, first) if meets(self._bounds, figure) else None


class Total:
    """The sum of the values, exact whatever the order."""

    __slots__ = ("_bounds", "_total")

    def __init__(self, bounds: Bounds) -> None:
        """Start from an empty window."""
        self._bounds = bounds
        self._total: int | Fraction = 0

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""
        self._total += cast(int | Fraction, event.value)

    def leave(self, event: Occurrence) -> None:
        """Let go of the oldest event."""
        self._total -= cast(int | Fraction, event.value)

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the sum if the condition holds."""
        return (self._total, first) if meets(self._bounds, self._total) else None


class Average:
    """The arithmetic mean of the values."""

    __slots__ = ("_bounds", "_count", "_total")

    def __init__(self, bounds: Bounds) -> None:
        """Start from an empty window."""
        self._bounds = bounds
        self._count = 0
        self._total: int | Fraction = 0

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""
        self._count += 1
        self._total += cast(int | Fraction, event.value)

    def leave(self, event: Occurrence) -> None:
        """Do nothing: a mean is taken of a whole window, which lets nothing go."""

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the mean if the condition holds."""
        figure = Fraction(self._total) / self._count
        return (figure, first) if meets(self._bounds, figure) else None


class Percentile:
    """The value below which `percent` of the values lie, between two of them by straight line."""

    __slots__ = ("_bounds", "_percent", "_values")

    def __init__(self, bounds: Bounds, percent: float) -> None:
        """Start from an empty window; `percent` 0 to 100."""
        self._bounds = bounds
        self._percent = Fraction(min(max(percent, 0), 100))
        self._values: list[int | Fraction] = []

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""
        self._values.append(cast(int | Fraction, event.value))

    def leave(self, event: Occurrence) -> None:
        """Do nothing: a percentile is taken of a whole window, which lets nothing go."""

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the percentile if the condition holds."""
        figure = percentile_of(self._values, self._percent)
        return (figure, first) if meets(self._bounds, figure) else None


def percentile_of(values: Sequence[int | Fraction], percent: Fraction) -> Fraction:
    """Return the percentile by linear interpolation between closest ranks (numpy's and a spreadsheet's default)."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


class RulesSeen:
    """How many of the rules matched, and whether the right ones did."""

    __slots__ = ("_bounds", "_expression", "_seen", "_steps")

    def __init__(self, bounds: Bounds, expression: Expression | None, steps: tuple[str, ...]) -> None:
        """Start from an empty window; `steps` are the rules' ids."""
        self._bounds = bounds
        self._expression = expression
        self._steps = steps
        self._seen: Counter[str] = Counter()

    def enter(self, event: Occurrence, number: int) -> None:
        """Take in the next event."""
        for step in event.steps:
            self._seen[self._steps[step]] += 1

    def leave(self, event: Occurrence) -> None:
        """Let go of the oldest event."""
        for step in event.steps:
            rule = self._steps[step]
            self._seen[rule] -= 1
            if not self._seen[rule]:
                del self._seen[rule]

    def verdict(self, since: int, first: int) -> Verdict | None:
        """Return the number of different rules seen if the condition holds."""
        figure = len(self._seen)
        if not meets(self._bounds, figure):
            return None
        if self._expression is not None and not holds(self._expression, self._seen):
            return None
        return figure, first
