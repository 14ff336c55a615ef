"""Which runs are told: at most FACTS of them, by an arithmetic that can be explained.

A run's importance adds up: 100 where a rule matches it and 30 for each step of the highest
rule's level (50 in all where its kind is mostly noise); 60 if it is the first to show a
technique; its kind's own weight (0 to 60); 120 if it is a hundred events or more, 10 if
ten (not of noise).
Before the attack: 20 for a process, a logon or a service, its ancestry; 30 on the device of
the first match; 20 for a document that was opened. Of what no rule matches, kinds that weigh
less than QUIET are not told, and before and after the attack at most AROUND each, before it
the nearest. The first and the last that are not quiet are always told, and the best KEPT of
what led up to it; and what was the same elsewhere never without what it is the same as.
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
KEPT = 5
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
    room = min(FACTS, max(FEWEST, 3 * sum(1 for thing in things if thing.rules)))
    loud = [place for place, weight in enumerate(weights) if weight >= QUIET] or list(range(len(things)))
    ranked = sorted(loud, key=lambda place: _rank(things[place], weights[place], place))
    led_up = [place for place in ranked if things[place].phase is Phase.BEFORE]
    kept = {loud[0], loud[-1], *led_up[:KEPT]} if loud else set()
    places = {id(thing): place for place, thing in enumerate(things)}
    around = Counter(things[place].phase for place in kept if not things[place].rules)
    for place in ranked:
        thing = things[place]
        is_around = not thing.rules and thing.phase is not Phase.DURING
        wanted = {place, places[id(thing.original)]} if isinstance(thing, Copy) else {place}
        if len(kept | wanted) > room or (is_around and place not in kept and around[thing.phase] >= AROUND):
            continue
        around[thing.phase] += is_around and place not in kept
        kept |= wanted
    untold = sum(thing.count for place, thing in enumerate(things) if place not in kept)
    return Chosen(tuple(things[place] for place in sorted(kept)), untold)


def _rank(thing: Run | Copy, weight: int, place: int) -> tuple[int, int]:
    """Return what to sort by: the most important first; of equals the first, before the attack the last."""
    return -weight, -place if thing.phase is Phase.BEFORE else place


def _weights(things: Sequence[Run | Copy]) -> list[int]:
    seen: set[str] = set()
    weights: list[int] = []
    device = next((thing.event.device for thing in things if thing.rules), None)
    for thing in things:
        techniques = {technique for rule in thing.rules.values() for technique in rule.techniques}
        weight = importance(thing, is_new=bool(techniques - seen))
        is_way_in = thing.phase is Phase.BEFORE and thing.event.device == device and weight >= QUIET
        weights.append(weight + 30 * is_way_in)
        seen |= techniques
    return weights


def importance(thing: Run | Copy, *, is_new: bool) -> int:
    """Return how important a run is; `is_new`: the first to show one of its techniques."""
    is_loud = thing.kind.weight >= QUIET
    total = thing.kind.weight + 60 * is_new
    if is_loud:
        total += 120 if thing.count >= 100 else 10 if thing.count >= 10 else 0
    if thing.rules:
        highest = max(rule.level.rank for rule in thing.rules.values())
        total += 100 + 30 * highest if is_loud else 50
    if thing.phase is Phase.BEFORE and is_loud:
        total += 20 * (thing.kind.key in ANCESTRY)
        total += 20 * (isinstance(thing, Run) and "document" in thing.values)
    return total
