"""Events that correlations count, remembered for as long as they are in a window; bounded, the oldest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from carecordon.model.match import Match
from carecordon.pipeline.triage.links import HORIZON_NS
from carecordon.pipeline.triage.unit import birth, earliest

Place = tuple[str, int]
"""File and position of an event."""
Member = tuple[str, int, str]
"""Its place, and the id of a rule that it matches: each has windows of its own."""
Counted = Callable[[], AbstractSet[Place]]
"""Gives the places of all that is in a window of a correlation, or waits to be."""
KEPT = 50_000
FRESH = KEPT // 10
"""So many that are new are reason enough to look which of all are still counted."""
LOOK_NS = 60_000_000_000
"""Time by the hub's clock after which it is looked anyway."""
END_OF_TIME = 1 << 80


class Members:
    """What is remembered: all matches of an event together, in the order in which their events came."""

    def __init__(self, counted: Counted, lasting: AbstractSet[str]) -> None:
        """Begin with none. Matches of rules that are `lasting` are remembered for two days, counted or not."""
        self._kept: OrderedDict[Place, list[Match]] = OrderedDict()
        self._count = self._fresh = self._were_counted = 0
        self._looked = -END_OF_TIME
        self._counted, self._lasting = counted, lasting

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
        self._fresh += 1
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

    def forget(self, over: int, now: int | None) -> list[Member]:
        """Forget what nobody counts any more, and what lies a day ahead of `now`, if it is time to look; return it.

        Not before all that was added has reached the windows. `over`: before it, what is lasting is forgotten too.
        """
        is_time = now is not None and abs(now - self._looked) >= LOOK_NS
        if not is_time and self._fresh < max(FRESH, self._were_counted):
            return []
        counted = self._counted()
        self._looked, self._fresh, self._were_counted = now or self._looked, 0, len(counted)
        ahead = END_OF_TIME if now is None else now + HORIZON_NS
        gone: list[Member] = []
        for place, matches in list(self._kept.items()):
            stays = [one for one in matches if self._stays(one, over, ahead, is_counted=place in counted)]
            if len(stays) < len(matches):
                gone += [member_of(one) for one in matches if one not in stays]
                self._count -= len(matches) - len(stays)
                self._kept[place] = stays
            if not stays:
                del self._kept[place]
        return gone

    def _stays(self, match: Match, over: int, ahead: int, *, is_counted: bool) -> bool:
        time = match.time or 0
        return time <= ahead and (is_counted or (match.rule.id in self._lasting and time >= over))

    def _forget(self, place: Place) -> list[Member]:
        gone = self._kept.pop(place)
        self._count -= len(gone)
        return [member_of(match) for match in gone]


def member_of(match: Match) -> Member:
    """Return what a match is remembered under."""
    return match.file, match.position, match.rule.id
