"""When a correlation's condition holds: figures against bounds, rules seen against an expression."""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Sequence
from fractions import Fraction
from typing import assert_never

from carecordon.model.correlation import AllOf, AnyOf, CorrelationRule, CorrelationType, Expression, Not, Seen

Figure = int | float | Fraction
Bounds = Sequence[tuple[str, float]]

COMPARE: dict[str, Callable[[Figure, float], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
GROWING_OPS = frozenset({"gt", "gte"})
"""Bounds that, once reached by a figure that only grows, stay reached."""

SETTLING_TYPES = frozenset(
    {CorrelationType.VALUE_AVG, CorrelationType.VALUE_PERCENTILE, CorrelationType.VALUE_MEDIAN},
)
"""Figures that say nothing before the window is complete."""

TEMPORAL_TYPES = frozenset({CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED})


def meets(bounds: Bounds, figure: Figure) -> bool:
    """Return whether `figure` keeps within every bound."""
    if len(bounds) == 1:  # nearly always, and this runs for every event
        op, limit = bounds[0]
        return COMPARE[op](figure, limit)
    return all(COMPARE[op](figure, limit) for op, limit in bounds)


def bounds_of(rule: CorrelationRule) -> Bounds:
    """Return the rule's bounds; a temporal rule without any wants all of its rules."""
    if rule.bounds or rule.expression is not None or rule.type not in TEMPORAL_TYPES:
        return rule.bounds
    return (("gte", len(steps_of(rule))),)


def steps_of(rule: CorrelationRule) -> tuple[str, ...]:
    """Return the rules in order; one named twice is two steps only where order matters."""
    if rule.type is CorrelationType.TEMPORAL_ORDERED:
        return rule.rules
    return tuple(dict.fromkeys(rule.rules))


def needs_whole_window(rule: CorrelationRule) -> bool:
    """Return whether the condition can be judged only once a window is complete."""
    if rule.type in SETTLING_TYPES or any(op not in GROWING_OPS for op, _ in rule.bounds):
        return True
    return rule.type is CorrelationType.TEMPORAL and bool(denied(rule.expression))


def holds(expression: Expression, seen: Container[str]) -> bool:
    """Return whether the expression is true of the rules seen."""
    match expression:
        case Seen(rule):
            return rule in seen
        case AllOf(parts):
            return all(holds(part, seen) for part in parts)
        case AnyOf(parts):
            return any(holds(part, seen) for part in parts)
        case Not(part):
            return not holds(part, seen)
        case _:
            assert_never(expression)


def denied(expression: Expression | None, *, under_not: bool = False) -> frozenset[str]:
    """Return the rules whose match can make the expression false."""
    match expression:
        case None:
            return frozenset()
        case Seen(rule):
            return frozenset({rule}) if under_not else frozenset()
        case AllOf(parts) | AnyOf(parts):
            return frozenset().union(*(denied(part, under_not=under_not) for part in parts))
        case Not(part):
            return denied(part, under_not=not under_not)
        case _:
            assert_never(expression)


def plain(figure: Figure) -> int | float:
    """Return the figure as a whole number where it is one, else as a float."""
    if isinstance(figure, Fraction):
        return figure.numerator if figure.denominator == 1 else float(figure)
    return figure
