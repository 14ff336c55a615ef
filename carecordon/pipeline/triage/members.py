"""Events that correlations count, remembered for as long as they are in a window; bounded, the oldest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from carecordon.model.match import Match
from carecordon.pipeline.triage.links import HORIZON_NS
from carecordon.pipeline.triage.unit import birth, earliest

Place = tuple[str, int]
"""File and position of an event."""
Member = tuple[str, int, str]
"""Its place, and the id of a rule that it matches: each has windows of its own."""
KEPT = 50_000
END_OF_TIME = 1 << 80


class Members:
    """What is remembered: all matches of an event together, in the order in which their events came."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[Place, list[Match]] = OrderedDict()
        self._count = 0

    def add(self, match: Match) -> list[Member]:
        """Remember a match; return the members that are other now: itself, and those that are forgotten for it.

        Of one rule's matches of an event one is kept: the same, whatever order they come in.
        """
        known = self._kept.setdefault((match.file, match.position), [])
        for number, one in enumerate(known):
            if one.rule.id == match.rule.id:
                if min(one, match, key=birth) is one:
                    return []
                known[number] = match
                return [member_of(match)]
        known.append(match)
        self._count += 1
        changed = [member_of(match)]
        while self._count > KEPT:
            changed += self._forget(next(iter(self._kept)))
        return changed

    def get(self, member: Member) -> Match | None:
        """Return a match that is remembered."""
        file, position, rule_id = member
        return next((one for one in self._kept.get((file, position), ()) if one.rule.id == rule_id), None)

    def at(self, places: Iterable[Place]) -> list[Match]:
        """Return the events at these places that are remembered, in order of time: each as one rule's match of it."""
        found = [earliest(self._kept[place]) for place in places if place in self._kept]
        return sorted(found, key=lambda match: (match.time or 0, match.file, match.position))

    def restore(self, kept: Mapping[Member, Match]) -> list[Match]:
        """Take up what was kept; return it in order of time."""
        in_order = sorted(kept.values(), key=lambda match: match.time or 0)
        for match in in_order:
            self._kept.setdefault((match.file, match.position), []).append(match)
        self._count += len(in_order)
        return in_order

    def forget_all_but(self, counted: AbstractSet[Place], now: int | None) -> list[Member]:
        """Forget what is in none of these places, and what lies a day ahead of `now`; return the members."""
        ahead = END_OF_TIME if now is None else now + HORIZON_NS
        gone = [place for place, (match, *_) in self._kept.items() if place not in counted or (match.time or 0) > ahead]
        return [member for place in gone for member in self._forget(place)]

    def _forget(self, place: Place) -> list[Member]:
        gone = self._kept.pop(place)
        self._count -= len(gone)
        return [member_of(match) for match in gone]


def member_of(match: Match) -> Member:
    """Return what a match is remembered under."""
    return match.file, match.position, match.rule.id
