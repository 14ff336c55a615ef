"""A correlation document to a draft whose references the loader resolves.

The specification wins over pySigma here: a condition may be a range, and every operator in
it must hold. Source: Sigma correlation rules specification 2.1; `value_median`, the
extended condition of temporal correlations and the units w, M and y come from pySigma.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carecordon.pipeline.detect.sigma.condition import parse
from carecordon.pipeline.detect.sigma.head import Head, read_head
from carecordon.pipeline.detect.sigma.ir import Atom, Correlation, Item, Node, Op
from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import field_name

TEMPORAL = frozenset({"temporal", "temporal_ordered"})
VALUE = frozenset({"value_count", "value_sum", "value_avg", "value_percentile", "value_median"})
TYPES = TEMPORAL | VALUE | {"event_count"}
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800, "M": 2_629_746, "y": 31_556_952}
"""Seconds; a month is a twelfth of a year, a year 365.2425 days, as in pySigma."""

_TIMESPAN = re.compile(r"([0-9]{1,9})([smhdwMy])")

Bounds = tuple[tuple[str, float], ...]
"""(op, figure) pairs, all of which must hold."""
Resolve = Callable[[str], str]
"""Gives the id of the rule that a reference (id or name) means, or raises BadRule."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`expression` is the text of an extended condition, else None."""

    bounds: Bounds = ()
    fields: tuple[str, ...] = ()
    percentile: float = 50.0
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A correlation whose references are still as written, in order."""

    head: Head
    path: str
    line: int
    type: str
    references: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan_s: int
    condition: Condition
    aliases: dict[str, dict[str, str]]
    generate: bool

    @property
    def id(self) -> str:
        """Return the id under which the correlation is known."""
        return self.head.id_or(f"{self.path}:{self.line}")


def read_correlation(content: dict[str, Any], path: str, line: int) -> Draft:
    """Return the draft of a correlation document. Raises BadRule with where it is at fault."""
    head = read_head(content)
    generate = content.get("generate", False)
    if not isinstance(generate, bool):
        raise BadRule("`generate` is true or false", "generate", at_value=True)
    section = content["correlation"]
    if not isinstance(section, dict):
        raise BadRule("`correlation` must be a mapping with type, rules, timespan and condition", "correlation")
    try:
        return _draft(section, head, path, line, generate=generate)
    except BadRule as bad:
        raise bad.under("correlation") from bad


def finish(draft: Draft, resolve: Resolve) -> Correlation:
    """Return the correlation with every reference replaced by the id it means. Raises BadRule."""
    rules = tuple(_resolved(reference, index, resolve) for index, reference in enumerate(draft.references))
    if draft.type != "temporal_ordered":  # where a rule named twice is two steps
        rules = tuple(dict.fromkeys(rules))
    expression = draft.condition.expression
    return Correlation(
        id=draft.id,
        title=draft.head.title,
        level=draft.head.level,
        techniques=draft.head.techniques,
        tactics=draft.head.tactics,
        triage=draft.head.triage,
        benign=draft.head.benign,
        path=draft.path,
        line=draft.line,
        type=draft.type,
        rules=rules,
        group_by=draft.group_by,
        timespan_s=draft.timespan_s,
        bounds=_bounds(draft.condition, len(rules)),
        fields=draft.condition.fields,
        percentile=draft.condition.percentile,
        aliases={field_name(alias): _alias(alias, names, resolve) for alias, names in draft.aliases.items()},
        expression=None if expression is None else _expression(expression, rules, resolve),
        name=draft.head.name,
    )


def _bounds(condition: Condition, rules: int) -> Bounds:
    """Return the bounds: all rules where nothing is said, none beside an expression, which says it all."""
    is_silent = not condition.bounds and condition.expression is None
    return (("gte", float(rules)),) if is_silent else condition.bounds


def _draft(section: dict[str, Any], head: Head, path: str, line: int, *, generate: bool) -> Draft:
    kind = section.get("type")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise BadRule(f"`{kind}` is no correlation type; the types are {', '.join(sorted(TYPES))}", "type")
    kind = kind.lower()
    inner = section.get("generate", generate)
    if not isinstance(inner, bool):
        raise BadRule("`generate` is true or false", "generate", at_value=True)
    condition = _condition(section.get("condition"), kind)
    return Draft(
        head=head,
        path=path,
        line=line,
        type=kind,
        references=_references(section.get("rules"), condition),
        group_by=_fields(section.get("group-by"), "group-by"),
        timespan_s=_timespan(section.get("timespan")),
        condition=condition,
        aliases=_aliases(section.get("aliases")),
        generate=generate or inner,
    )


def _references(raw: Any, condition: Condition) -> tuple[str, ...]:
    named = () if condition.expression is None else _named_in(condition.expression)
    references = _texts(raw, "rules") or named
    if not references:
        raise BadRule("`rules` must name the rules to correlate, by id or name", "rules")
    return references


def _named_in(expression: str) -> tuple[str, ...]:
    names: list[str] = []

    def note(name: str) -> Node:
        names.append(name)
        return _seen(name)

    _parse(expression, note)
    return tuple(dict.fromkeys(names))


def _texts(raw: Any, key: str) -> tuple[str, ...]:
    """Return a text or list of texts as a tuple, () if absent."""
    items = [] if raw is None else raw if isinstance(raw, list) else [raw]
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int) or item == "":
            raise BadRule(f"`{key}` must be a text or a list of texts", key)
    return tuple(str(item).strip() for item in items)


def _fields(raw: Any, key: str) -> tuple[str, ...]:
    return tuple(map(field_name, _texts(raw, key)))


def _timespan(raw: Any) -> int:
    found = _TIMESPAN.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        raise BadRule("`timespan` must be a number and a unit s, m, h or d, e.g. `15m`", "timespan", at_value=True)
    seconds = int(found.group(1)) * UNITS[found.group(2)]
    if not seconds:
        raise BadRule("`timespan` must be longer than nothing", "timespan", at_value=True)
    return seconds


def _aliases(raw: Any) -> dict[str, dict[str, str]]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BadRule("`aliases` must map each alias to its field in every rule", "aliases")
    aliases: dict[str, dict[str, str]] = {}
    for alias, names in raw.items():
        if not isinstance(names, dict) or not all(isinstance(field, str) and field for field in names.values()):
            raise BadRule(f"the alias `{alias}` must map rule names to field names", "aliases", alias)
        aliases[alias] = dict(names)
    return aliases


def _condition(raw: Any, kind: str) -> Condition:
    if raw is None and kind in TEMPORAL:
        return Condition()
    if isinstance(raw, str) and kind in TEMPORAL:
        return Condition(expression=raw)
    if not isinstance(raw, dict):
        raise BadRule(f"a correlation of type {kind} needs a `condition` such as `gte: 10`", "condition")
    try:
        return _bounded(raw, kind)
    except BadRule as bad:
        raise bad.under("condition") from bad


def _bounded(raw: dict[str, Any], kind: str) -> Condition:
    for key in raw:
        if key not in (*OPERATORS, "field", "percentile"):
            raise BadRule(f"`{key}` is no part of a condition; it takes {', '.join(OPERATORS)} and `field`", key)
    bounds = tuple((key, _figure(value, key)) for key, value in raw.items() if key in OPERATORS)
    if not bounds:
        raise BadRule(f"the condition compares with nothing; it needs one of {', '.join(OPERATORS)}")
    fields = _fields(raw.get("field"), "field")
    if kind in VALUE and not fields:
        raise BadRule(f"a correlation of type {kind} needs a `field` to look at")
    if kind in VALUE - {"value_count"} and len(fields) > 1:
        raise BadRule(f"a correlation of type {kind} looks at one `field` only", "field", at_value=True)
    percentile = _figure(raw.get("percentile", 50), "percentile")
    if not 0 <= percentile <= 100:
        raise BadRule("`percentile` lies between 0 and 100", "percentile", at_value=True)
    return Condition(bounds, fields, percentile)


def _figure(raw: Any, key: str) -> float:
    try:
        figure = math.nan if isinstance(raw, bool) else float(raw)
    except (TypeError, ValueError, OverflowError):
        figure = math.nan
    if not math.isfinite(figure):
        raise BadRule(f"`{key}` must be a number", key, at_value=True)
    return figure


def _resolved(reference: str, index: int, resolve: Resolve) -> str:
    try:
        return resolve(reference)
    except BadRule as bad:
        raise BadRule(bad.reason, "correlation", "rules", index) from bad


def _alias(alias: str, names: dict[str, str], resolve: Resolve) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, field in names.items():
        try:
            fields[resolve(name)] = field_name(field)
        except BadRule as bad:
            raise BadRule(bad.reason, "correlation", "aliases", alias, name) from bad
    return fields


def _expression(text: str, rules: tuple[str, ...], resolve: Resolve) -> Node:
    """Return an extended condition over the rules: a rule's atom is EXISTS with its id as field."""
    seen: set[str] = set()

    def named(name: str) -> Node:
        seen.add(rule := resolve(name))
        if rule not in rules:
            raise BadRule(f"the condition names `{name}`, which `rules` does not")
        return _seen(rule)

    try:
        node = parse(text, named)
        if missing := [rule for rule in rules if rule not in seen]:
            raise BadRule(f"`rules` names {', '.join(missing)}, which the condition leaves out")
    except BadRule as bad:
        raise BadRule(bad.reason, "correlation", "condition", at_value=True) from bad
    return node


def _parse(text: str, named: Callable[[str], Node]) -> Node:
    try:
        return parse(text, named)
    except BadRule as bad:
        raise BadRule(bad.reason, "condition", at_value=True) from bad


def _seen(rule: str) -> Node:
    return Item((Atom(rule, Op.EXISTS),))
