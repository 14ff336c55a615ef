"""From matches to occurrences: which group a match belongs to, what it brings, and which are one and the same event."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from carecordon.model.correlation import CorrelationRule, CorrelationType
from carecordon.model.errors import OurFault
from carecordon.model.event import Fields, Scalar, Value
from carecordon.model.match import Match, Unseen
from carecordon.pipeline.triage.conditions import SETTLING_TYPES, steps_of
from carecordon.pipeline.triage.digests import digest

Place = tuple[int, str, int]
"""Time (UTC ns), file, position: so that sorting places sorts them in time."""

Key = tuple[str, ...]
"""A group's values as lower-case text."""

Tally = Counter[tuple[Unseen, str]]
"""What could not take part, and why."""

DEVICE_FIELDS = frozenset({"Computer", "ComputerName", "Hostname", "host.name"})
"""Names that mean the device itself, for an event that does not carry them."""

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
LONGEST_NUMBER = 300
"""Digits; longer text is no quantity anybody measures, and sums must stay within a float."""


@dataclass(slots=True)
class Held:
    """What a correlation tells those built on it: its condition holds at `time`.

    `burst` is one and the same for every moment of a burst, `is_first` for the first of
    them. Of `places`, which go on growing, the first `shown` belong to this moment.
    """

    rule_id: str
    time: int
    fields: Fields
    burst: tuple[str, int]
    is_first: bool
    places: list[Place]
    shown: int


Payload = Match | Held


@dataclass(slots=True)
class Occurrence:
    """One event (or one moment of a correlation) in the window of a group.

    `steps` indices into the rule's steps, ascending; `value` what is measured; `places`
    every place the event stands at, of which the first `shown` count where `burst` is set.
    """

    time: int
    steps: tuple[int, ...]
    value: Hashable
    places: list[Place]
    burst: tuple[str, int] | None = None
    shown: int = 0

    def absorb(self, same: Occurrence) -> None:
        """Take in another report of the same event: a copy in another file, or another rule's match."""
        if same.places[0] != self.places[-1]:
            self.places.extend(same.places)
        if same.steps != self.steps:
            self.steps = tuple(sorted({*self.steps, *same.steps}))


class _Source(NamedTuple):
    """How to read the matches of one of the rules: its steps, and its fields for group and value."""

    steps: tuple[int, ...]
    group: tuple[str, ...]
    measured: tuple[str, ...]


Gathered = tuple[Key, tuple[Value, ...], Occurrence]
Measure = Callable[[Payload, Fields, _Source], Hashable]


class Gatherer:
    """Reads matches for one correlation rule; what it cannot use it adds to the tally."""

    def __init__(self, rule: CorrelationRule, tally: Tally, *, builds_on_correlations: bool) -> None:
        """`builds_on_correlations`: one of the rules is itself a correlation."""
        self._title = rule.head.title
        self._sources = {rule_id: _source(rule, rule_id) for rule_id in rule.rules}
        self._measure = self._choose(rule.type, builds_on_correlations=builds_on_correlations)
        self._tally = tally

    def read(self, payload: Payload) -> Gathered | None:
        """Return the group (as compared, as shown) and the occurrence; None if it takes no part."""
        if isinstance(payload, Match):
            source = self._sources[payload.rule.id]
            fields = payload.carried or payload.fields
            group = _values(source.group, fields, payload.device)
        else:
            source = self._sources[payload.rule_id]
            fields = payload.fields
            group = _values(source.group, fields, None)
        if group is None:
            self._note_missing("group-by", source.group, fields, payload)
            return None
        value: Hashable = ()
        if self._measure is not None:
            value = self._measure(payload, fields, source)
            if value is None:
                return None
        return tuple([as_text(part).lower() for part in group]), group, _occurrence(payload, source.steps, value)

    def _choose(self, kind: CorrelationType, *, builds_on_correlations: bool) -> Measure | None:
        """Return how to read the measured value, None where events are only counted."""
        match kind:
            case CorrelationType.VALUE_COUNT:
                return self._combination
            case CorrelationType.VALUE_SUM:
                return self._number
            case kind if kind in SETTLING_TYPES:
                return self._number
            case CorrelationType.EVENT_COUNT if builds_on_correlations:
                return _one_a_burst
            case _:
                return None

    def _combination(self, payload: Payload, fields: Fields, source: _Source) -> Hashable:
        """Return the measured fields' values together, as compared; None if one is missing."""
        values = _values(source.measured, fields, payload.device if isinstance(payload, Match) else None)
        if values is None:
            self._note_missing("measured", source.measured, fields, payload)
            return None
        return tuple(as_text(value).lower() for value in values)

    def _number(self, payload: Payload, fields: Fields, source: _Source) -> int | Fraction | None:
        """Return the measured number; None if there is none, or if this burst gave its number before."""
        if isinstance(payload, Held) and not payload.is_first:
            return None
        name = source.measured[0]
        number = as_number(fields.get(name))
        if number is None:
            why = "no number" if name in fields else "not carried"
            self._tally[Unseen.FIELD, f"correlation '{self._title}': field '{name}' {why}"] += 1
        return number

    def _note_missing(self, role: str, names: Sequence[str], fields: Fields, payload: Payload) -> None:
        """Count an event that lacks a field that it would need to take part."""
        lacking = next(name for name in names if _is_missing(fields.get(name)))
        where = payload.rule.title if isinstance(payload, Match) else payload.rule_id
        reason = f"correlation '{self._title}': {role} field '{lacking}' not carried by a match of '{where}'"
        self._tally[Unseen.FIELD, reason] += 1


def carried_by(rules: Iterable[CorrelationRule]) -> dict[str, frozenset[str]]:
    """Return which fields of its events correlations go by, for each rule that any refers to."""
    found: dict[str, frozenset[str]] = {}
    for rule in rules:
        for rule_id in rule.rules:
            source = _source(rule, rule_id)
            found[rule_id] = found.get(rule_id, frozenset()).union(source.group, source.measured)
    return found


def whole(fields: Mapping[str, Value]) -> bytes:
    """Return what tells an event from others that agree in what is carried of them."""
    return digest(sorted(fields.items()))


def identity_of(payload: Payload) -> Hashable:
    """Return what two reports of the same event have in common (they also have the same time)."""
    if isinstance(payload, Held):
        return payload.burst
    fields = payload.carried or payload.fields
    return payload.device, payload.channel, payload.record_id, payload.digest or frozenset(fields.items())


def as_text(value: Value) -> str:
    """Return a value as rules compare it; the elements of a list joined by commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    return _scalar_text(value)


def as_number(value: Value) -> int | Fraction | None:
    """Return the exact number that a value is or reads as in decimal; None for everything else, bool too."""
    if isinstance(value, bool) or value is None or isinstance(value, tuple):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**LONGEST_NUMBER else None
    text = repr(value) if isinstance(value, float) else value.strip()
    if len(text) > LONGEST_NUMBER or NUMBER.fullmatch(text) is None:
        return None
    if text.isdecimal():
        return int(text)
    number = Fraction(text)
    if abs(number) >= 10**LONGEST_NUMBER:
        return None
    return number.numerator if number.denominator == 1 else number


def _scalar_text(value: Scalar) -> str:
    """Return one value as text: `true`, a decimal number, '' for null inside a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _source(rule: CorrelationRule, rule_id: str) -> _Source:
    """Return how to read matches of `rule_id`; an alias without an entry for it is the field's own name."""
    resolve = partial(_resolve, rule, rule_id)
    steps = tuple(step for step, name in enumerate(steps_of(rule)) if name == rule_id)
    return _Source(steps, tuple(map(resolve, rule.group_by)), tuple(map(resolve, rule.fields)))


def _resolve(rule: CorrelationRule, rule_id: str, name: str) -> str:
    """Return the field that `name`, perhaps an alias, means in events of `rule_id`."""
    return rule.aliases.get(name, {}).get(rule_id, name)


def _values(names: Sequence[str], fields: Fields, device: str | None) -> tuple[Value, ...] | None:
    """Return the fields' values, None if one is missing or null."""
    values: list[Value] = []
    for name in names:
        value = fields.get(name)
        if value is None or value == ():
            if device is None or name not in DEVICE_FIELDS:
                return None
            value = device
        values.append(value)
    return tuple(values)


def _is_missing(value: Value) -> bool:
    """Return whether a value counts as not carried."""
    return value is None or value == ()


def _occurrence(payload: Payload, steps: tuple[int, ...], value: Hashable) -> Occurrence:
    """Return the occurrence that a match or a correlation's moment is."""
    if isinstance(payload, Held):
        return Occurrence(payload.time, steps, value, payload.places, payload.burst, payload.shown)
    if payload.time is None:
        raise OurFault("an event without time is kept out by the correlator")
    return Occurrence(payload.time, steps, value, [(payload.time, payload.file, payload.position)])


def _one_a_burst(payload: Payload, _fields: Fields, _source: _Source) -> Hashable:
    """Return what counts as one: an event, or a whole burst of a correlation."""
    return payload.burst if isinstance(payload, Held) else (payload.time, payload.file, payload.position)
