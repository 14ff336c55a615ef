"""Rules as the rest of the house knows them: their heads, and correlations as triage runs them."""

from __future__ import annotations

from typing import assert_never

from carecordon.model.correlation import AllOf, AnyOf, CorrelationRule, CorrelationType, Expression, Not, Seen
from carecordon.model.match import Level, RuleHead
from carecordon.pipeline.detect.sigma import ir

NS = 1_000_000_000


def head_of(rule: ir.About) -> RuleHead:
    """Return what readers need to know of a rule."""
    return RuleHead(
        id=rule.id,
        title=rule.title,
        level=Level(rule.level),
        techniques=rule.techniques,
        path=rule.path,
        line=rule.line,
        is_silent=rule.silent,
        tactics=rule.tactics,
        triage=rule.triage,
        benign=rule.benign,
    )


def correlation_rule(rule: ir.Correlation) -> CorrelationRule:
    """Return a correlation as triage knows it."""
    return CorrelationRule(
        head=head_of(rule),
        type=CorrelationType(rule.type),
        rules=rule.rules,
        group_by=rule.group_by,
        timespan_ns=rule.timespan_s * NS,
        bounds=rule.bounds,
        fields=rule.fields,
        percentile=rule.percentile,
        aliases=rule.aliases,
        expression=None if rule.expression is None else _expression(rule.expression),
        silent=rule.silent,
    )


def _expression(node: ir.Node) -> Expression:
    match node:
        case ir.Item(atoms, every):
            parts: tuple[Expression, ...] = tuple(Seen(atom.field) for atom in atoms)
            return parts[0] if len(parts) == 1 else (AllOf(parts) if every else AnyOf(parts))
        case ir.And(inner):
            return AllOf(tuple(map(_expression, inner)))
        case ir.Or(inner):
            return AnyOf(tuple(map(_expression, inner)))
        case ir.Not(part):
            return Not(_expression(part))
        case ir.Always(holds):
            return AllOf(()) if holds else AnyOf(())
    assert_never(node)
