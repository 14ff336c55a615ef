"""A plain reading of the correlation semantics: every window looked at anew, nothing kept. Slow, and easy to check."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import mean, quantiles

from carecordon.model.correlation import AllOf, AnyOf, CorrelationRule, Expression, Not, Seen
from carecordon.model.event import Fields
from carecordon.model.match import Match

OPERATORS = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
Told = tuple[tuple[str, ...], float, int, int, tuple[tuple[str, int], ...]]
"""Group in lower case, figure, first and last time, places."""


@dataclass
class Event:
    """One event: everything that matched it, and everywhere it stands."""

    time: int
    fields: Fields
    rules: set[str] = field(default_factory=set)
    places: set[tuple[str, int]] = field(default_factory=set)


def correlate(rule: CorrelationRule, matches: Iterable[Match]) -> list[Told]:
    """Return what the rule (not built on other correlations, with numbers as values) finds in the matches."""
    groups: dict[tuple[str, ...], list[Event]] = {}
    for event in _fold(rule, matches):
        if all(event.fields.get(name) is not None for name in (*rule.group_by, *rule.fields)):
            groups.setdefault(tuple(str(event.fields[name]).lower() for name in rule.group_by), []).append(event)
    told: list[Told] = []
    for key, events in groups.items():
        windows = _whole(rule, events) if _is_whole(rule) else _sliding(rule, events)
        for figure, inside in windows:
            places = sorted((event.time, *place) for event in inside for place in event.places)
            members = tuple((file, position) for _, file, position in places)
            told.append((key, figure, places[0][0], places[-1][0], members))
    return sorted(told)


def _fold(rule: CorrelationRule, matches: Iterable[Match]) -> list[Event]:
    """Return the events in time order, those of one moment by the steps they are."""
    events: dict[object, Event] = {}
    for match in sorted(matches, key=lambda one: (one.time or 0, one.file, one.position)):
        if match.rule.id in rule.rules and match.time is not None:
            same = (match.time, match.device, match.channel, match.record_id, sorted(match.carried.items(), key=repr))
            event = events.setdefault(repr(same), Event(match.time, match.carried))
            event.rules.add(match.rule.id)
            event.places.add((match.file, match.position))
    return sorted(events.values(), key=lambda one: (one.time, sorted(map(rule.rules.index, one.rules))))


def _is_whole(rule: CorrelationRule) -> bool:
    """Return whether only a complete window can be judged."""
    if rule.type in {"value_avg", "value_percentile", "value_median"}:
        return True
    return any(op not in {"gt", "gte"} for op, _ in rule.bounds) or _has_not(rule.expression)


def _has_not(expression: Expression | None) -> bool:
    """Return whether there is a Not; the tests nest none in another."""
    if isinstance(expression, AllOf | AnyOf):
        return any(map(_has_not, expression.parts))
    return isinstance(expression, Not)


def _whole(rule: CorrelationRule, events: Sequence[Event]) -> Iterator[tuple[float, list[Event]]]:
    """Yield the windows, one after the other, that satisfy the condition."""
    left = list(events)
    while left:
        inside = [event for event in left if event.time - left[0].time <= rule.timespan_ns]
        left = left[len(inside) :]
        figure = (
            max((len(run) for run in _runs(rule, inside)), default=0) if _is_ordered(rule) else _figure(rule, inside)
        )
        if _is_within(rule, figure) and _agrees(rule, inside):
            yield figure, inside


def _sliding(rule: CorrelationRule, events: Sequence[Event]) -> Iterator[tuple[float, list[Event]]]:
    """Yield the satisfied windows, one for every moment, those that share events made one."""
    bursts: list[tuple[float, list[Event]]] = []
    for now in sorted({event.time for event in events}):
        window = [event for event in events if now - rule.timespan_ns <= event.time <= now]
        satisfied = _tightest(rule, window) if _is_ordered(rule) else (_figure(rule, window), window)
        if satisfied is None or not _is_within(rule, satisfied[0]) or not _agrees(rule, window):
            continue
        figure, inside = satisfied
        if bursts and any(event is other for event in inside for other in bursts[-1][1]):
            highest, before = bursts.pop()
            new = [event for event in inside if all(event is not other for other in before)]
            bursts.append((max(highest, figure), before + new))
        else:
            bursts.append((figure, inside))
    yield from bursts


def _tightest(rule: CorrelationRule, window: Sequence[Event]) -> tuple[float, list[Event]] | None:
    """Return the longest run that ends at the window's last moment, the latest of them, and all events it spans."""
    runs = [run for run in _runs(rule, window) if window[run[-1]].time == window[-1].time]
    if not runs:
        return None
    best = max(runs, key=lambda run: (len(run), run[0]))
    return len(best), list(window[best[0] :])


def _runs(rule: CorrelationRule, window: Sequence[Event], first: int = 0, step: int = 0) -> Iterator[list[int]]:
    """Yield every way of going through events and rules in order, as numbers of events."""
    for number in range(first, len(window)):
        for position in range(step, len(rule.rules)):
            if rule.rules[position] in window[number].rules:
                yield [number]
                for rest in _runs(rule, window, number + 1, position + 1):
                    yield [number, *rest]


def _is_ordered(rule: CorrelationRule) -> bool:
    """Return whether the order of the rules matters."""
    return rule.type == "temporal_ordered"


def _figure(rule: CorrelationRule, inside: Sequence[Event]) -> float:
    """Return what the window amounts to."""
    numbers = [float(str(event.fields[rule.fields[0]])) for event in inside] if rule.fields else []
    match str(rule.type):
        case "event_count":
            return len(inside)
        case "value_count":
            return len({tuple(str(event.fields[name]).lower() for name in rule.fields) for event in inside})
        case "temporal":
            return len(set().union(*(event.rules for event in inside)))
        case "value_sum":
            return sum(numbers)
        case "value_avg":
            return mean(numbers)
        case "value_median":
            return _percentile(numbers, 50)
        case _:
            return _percentile(numbers, int(rule.percentile))


def _percentile(numbers: list[float], percent: int) -> float:
    """Return the percentile (1 to 99) as the standard library's inclusive quantiles give it."""
    return quantiles(numbers * 2 if len(numbers) == 1 else numbers, n=100, method="inclusive")[percent - 1]


def _is_within(rule: CorrelationRule, figure: float) -> bool:
    """Return whether the figure keeps the bounds, all rules seen where a temporal rule has no condition."""
    if not rule.bounds and rule.expression is None:
        return figure >= len(rule.rules)
    return all(OPERATORS[op](figure, limit) for op, limit in rule.bounds)


def _agrees(rule: CorrelationRule, inside: Sequence[Event]) -> bool:
    """Return whether the rule's expression, if any, is true of the window."""
    seen = set().union(*(event.rules for event in inside))
    return rule.expression is None or _holds(rule.expression, seen)


def _holds(expression: Expression, seen: set[str]) -> bool:
    """Return whether the expression is true."""
    if isinstance(expression, Seen):
        return expression.rule in seen
    if isinstance(expression, Not):
        return not _holds(expression.part, seen)
    parts = [_holds(part, seen) for part in expression.parts]
    return all(parts) if isinstance(expression, AllOf) else any(parts)
