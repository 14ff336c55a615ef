"""A correlation rule: what several matches must have in common, and within what time, to mean more than each alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from carecordon.model.match import RuleHead


class CorrelationType(StrEnum):
    """What is measured. Source: Sigma correlation rules specification 2.1 (value_median: pySigma's addition)."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"


@dataclass(frozen=True, slots=True)
class Seen:
    """The rule with this id matched at least once in the window."""

    rule: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Expression


Expression = Seen | AllOf | AnyOf | Not
"""The condition of a temporal correlation written as text: which of its rules must have matched."""


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """One correlation rule as it runs.

    `rules` ids of rules or correlations, in the order given. `bounds` (op, figure) pairs that
    must all hold, op one of gt gte lt lte eq neq; empty for a temporal rule that has an
    `expression` or wants every rule. `fields` what is measured; `aliases` alias to {rule id:
    field}. A `silent` rule only feeds others. What all of it means: carecordon/pipeline/triage/correlate.py.
    """

    head: RuleHead
    type: CorrelationType
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan_ns: int
    bounds: tuple[tuple[str, float], ...] = ()
    fields: tuple[str, ...] = ()
    percentile: float = 50.0
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    expression: Expression | None = None
    silent: bool = False
