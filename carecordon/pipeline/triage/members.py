"""Events that correlations may come to be made of, remembered until they are told; bounded, the oldest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from carecordon.model.match import Match
from carecordon.pipeline.triage.links import HORIZON_NS
from carecordon.pipeline.triage.unit import birth

Place = tuple[str, int]
"""File and position of an event."""
KEPT = 50_000
END_OF_TIME = 1 << 80


class Members:
    """What is remembered, by place, in the order in which it came."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: OrderedDict[Place, Match] = OrderedDict()
        self._came: dict[Place, int] = {}
        """When those came that came late (UTC ns, the hub's clock)."""

    def add(self, match: Match, came: int | None) -> list[Place]:
        """Remember an event; return the places that are other now: its own, and of one that is forgotten for it.

        It is kept as one rule's match of it: the same, whatever order they come in. `came`: when, if it came late.
        """
        place = match.file, match.position
        known = self._kept.get(place)
        if came is not None:
            self._came[place] = came
        if known is not None and min(known, match, key=birth) is known:
            return []
        self._kept[place] = match
        if len(self._kept) <= KEPT:
            return [place]
        oldest, _ = self._kept.popitem(last=False)
        self._came.pop(oldest, None)
        return [place, oldest]

    def get(self, place: Place) -> Match | None:
        """Return the event at a place."""
        return self._kept.get(place)

    def at(self, places: Iterable[Place]) -> list[Match]:
        """Return the events at these places that are remembered, in order of time."""
        found = [self._kept[place] for place in places if place in self._kept]
        return sorted(found, key=lambda match: (match.time or 0, match.file, match.position))

    def restore(self, kept: Mapping[Place, Match], newest: int) -> list[Match]:
        """Take up what was kept, `newest` (UTC ns) the time of all that is known; return it in order of time."""
        self._kept.update(sorted(kept.items(), key=lambda item: item[1].time or 0))
        late = newest - HORIZON_NS
        self._came = {place: newest for place, match in self._kept.items() if (match.time or 0) < late}
        return list(self._kept.values())

    def forget_before(self, over: int, now: int | None) -> list[Place]:
        """Forget what happened and came before `over`, and what lies a day ahead of `now`; return the places."""
        ahead = END_OF_TIME if now is None else now + HORIZON_NS
        gone = [
            place
            for place, match in self._kept.items()
            if max(match.time or 0, self._came.get(place, 0)) < over or (match.time or 0) > ahead
        ]
        for place in gone:
            del self._kept[place]
            self._came.pop(place, None)
        return gone
