"""Which runs are told: at most FACTS of them, by an arithmetic that can be explained, the first and the last always.

A run's importance adds up: 100 where a rule matches it and 30 for each step of the highest
rule's level; 60 if it is the first to show a technique; its kind's own weight (0 to 60); 20
if it stands before the attack and tells of a process, a logon or a service, its ancestry; 10
if it is ten events or more. Of what no rule matches, kinds that weigh less than QUIET are not
told, and before and after the attack at most AROUND each, before it the nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import Phase
from carecordon.report.story.alike import Copy, without_copies
from carecordon.report.story.runs import QUIET, Run

FACTS = 60
"""The most facts of a story."""
FEWEST = 15
"""So many facts are told, if there are, however few of them a rule matches; else at most three for each of these."""
AROUND = 8
ANCESTRY = frozenset({"process_start", "logon", "logon_of_service", "service_installed", "task_ran", "session"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is told, in order of time: runs, and what only repeated them elsewhere. `untold` events of the rest."""

    told: tuple[Run | Copy, ...]
    untold: int


def choose(runs: Sequence[Run]) -> Chosen:
    """Return what is told of the runs, which come in order of time."""
    things = without_copies(runs)
    weights = _weights(things)
    matches = sum(1 for thing in things if thing.rules)
    room = min(FACTS, max(FEWEST, 3 * matches))
    loud = [place for place, weight in enumerate(weights) if weight >= QUIET] or list(range(len(things)))
    kept: set[int] = {loud[0], loud[-1]} if loud else set()
    around: Counter[Phase] = Counter()
    for place in sorted(range(len(things)), key=lambda place: _rank(things[place], weights[place], place)):
        thing = things[place]
        is_around = not thing.rules and thing.phase is not Phase.DURING
        if len(kept) >= room or weights[place] < QUIET or (is_around and around[thing.phase] >= AROUND):
            continue
        around[thing.phase] += is_around
        kept.add(place)
    untold = sum(thing.count for place, thing in enumerate(things) if place not in kept)
    return Chosen(tuple(things[place] for place in sorted(kept)), untold)


def _rank(thing: Run | Copy, weight: int, place: int) -> tuple[int, int]:
    """Return what to sort by: the most important first; of equals the first, before the attack the last."""
    return -weight, -place if thing.phase is Phase.BEFORE else place


def _weights(things: Sequence[Run | Copy]) -> list[int]:
    seen: set[str] = set()
    weights: list[int] = []
    for thing in things:
        techniques = {technique for rule in thing.rules.values() for technique in rule.techniques}
        weights.append(importance(thing, is_new=bool(techniques - seen)))
        seen |= techniques
    return weights


def importance(thing: Run | Copy, *, is_new: bool) -> int:
    """Return how important a run is; `is_new`: the first to show one of its techniques."""
    ranks = [rule.level.rank for rule in thing.rules.values()]
    total = thing.kind.weight + (100 + 30 * max(ranks) if ranks else 0) + 60 * is_new
    if thing.phase is Phase.BEFORE and thing.kind.key in ANCESTRY and thing.kind.weight >= QUIET:
        total += 20
    return total + 10 * (thing.count >= 10)
