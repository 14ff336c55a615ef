"""Which rules and correlations cannot speak: their log source is unknown, or they wait for rules that cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from carecordon.pipeline.detect.sigma.correlations import TEMPORAL
from carecordon.pipeline.detect.sigma.ir import Always, And, Correlation, Item, Node, Not, Or, RuleSet
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.pipeline.triage.conditions import meets


def dormant_ids(rules: RuleSet, program: Program) -> frozenset[str]:
    """Return the ids of all dormant rules of the program, and of the correlations that are dormant with them."""
    asleep = {program.rules[index].id for index in program.dormant}
    return frozenset(asleep) | silenced(rules.correlations, asleep)


def silenced(correlations: Iterable[Correlation], silent: Collection[str]) -> frozenset[str]:
    """Return the ids of the correlations that cannot come true where the rules `silent` never match.

    A correlation stands after those it builds on, as in a rule set.
    """
    lost: set[str] = set()
    for correlation in correlations:
        if not _can_hold(correlation, {rule for rule in correlation.rules if rule in silent or rule in lost}):
            lost.add(correlation.id)
    return frozenset(lost)


def _can_hold(correlation: Correlation, lost: Collection[str]) -> bool:
    left = sum(rule not in lost for rule in correlation.rules)
    if not left:
        return False
    if correlation.expression is not None:
        return _can_be(correlation.expression, lost, wanted=True)
    if correlation.type in TEMPORAL:
        return any(meets(correlation.bounds, figure) for figure in range(1, left + 1))
    return True


def _can_be(node: Node, lost: Collection[str], *, wanted: bool) -> bool:
    """Return whether the expression can be as wanted; each rule but the lost ones may or may not have matched."""
    match node:
        case Item(atoms):
            return not wanted or any(atom.field not in lost for atom in atoms)
        case Not(part):
            return _can_be(part, lost, wanted=not wanted)
        case And(parts) | Or(parts):
            answers = (_can_be(part, lost, wanted=wanted) for part in parts)
            return all(answers) if isinstance(node, And) is wanted else any(answers)
        case Always(holds):
            return holds is wanted
