"""Which sentences of a story are told where there is no room for all: by weight, and still in order of time.

The first and the last are always told. Then come those of critical and high rules, then those with
an ATT&CK technique, then the others; and each sort once before one of them a second time, so that
the same step on many devices does not leave out the next step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from carecordon.model.incident import Case, Fact, Incident
from carecordon.model.match import Level

_GRAVE, _TAGGED, _OTHER = range(3)


def chosen(case: Case, most: int) -> Sequence[Fact]:
    """Return at most so many (two or more) of the facts, in their order."""
    facts = case.story.facts
    if len(facts) <= most:
        return facts
    levels, rules = _levels(case.incident), _rules(case.incident)
    met: Counter[object] = Counter()
    weights: list[tuple[bool, int, int, int]] = []
    for place, fact in enumerate(facts):
        at = (fact.file, fact.position)
        tier = _GRAVE if levels.get(at, 0) >= Level.HIGH.rank else _TAGGED if fact.techniques else _OTHER
        sort = (tier, frozenset(rules.get(at, ())), fact.techniques)
        weights.append((tier == _OTHER, met[sort], tier, place))
        met[sort] += 1
    ends = {0, len(facts) - 1}
    others = [weight[-1] for weight in sorted(weights) if weight[-1] not in ends]
    return [facts[place] for place in sorted([*ends, *others[: most - len(ends)]])]


def _rules(one: Incident) -> dict[tuple[str, int], list[str]]:
    """Return which rules match, by where the event stands."""
    found: dict[tuple[str, int], list[str]] = {}
    for place in one.places:
        found.setdefault((place.file, place.position), []).append(place.rule_id)
    return found


def _levels(one: Incident) -> dict[tuple[str, int], int]:
    """Return the rank of the worst rule that matches, by where the event stands."""
    ranks = {alert.rule.id: alert.rule.level.rank for alert in one.alerts}
    ranks |= {chain.rule.id: chain.rule.level.rank for chain in one.chains}
    found: dict[tuple[str, int], int] = {}
    for place in one.places:
        at = (place.file, place.position)
        found[at] = max(found.get(at, 0), ranks.get(place.rule_id, 0))
    return found
