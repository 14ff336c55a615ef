"""What senders have lost, told: what their agents say of themselves, and numbers that never came.

An agent counts what it cannot keep and sends the count as an event of its own; whoever drops numbers without a word
leaves a hole in them, which the gate sees. Each sender is told of once an hour at most for each way of losing, with
how much it is in all, and no longer when it has lost nothing for a day. What it can miss: a range that a worker begins
again after a crash is counted again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from carecordon.model.batch import ABSENT
from carecordon.model.kept import Trouble
from carecordon.model.merged import Merged

KIND = "gap"
OWN = "Carecordon-Agent"
"""The channel of what an agent says of itself, as `agent/rank.py` names it."""
HOUR, DAY = 3_600 * 1_000_000_000, 86_400 * 1_000_000_000
KEPT = 50_000
MAX_COUNT = 1 << 62
"""A sender says how much it lost, and may say anything."""


class Way(StrEnum):
    """How events were lost."""

    DROPPED = "dropped"
    DAMAGED = "damaged"
    TOO_LARGE = "too large"
    REFUSED = "refused"
    NUMBERS = "numbers"


_BY_EVENT = {1: Way.DROPPED, 2: Way.DAMAGED, 3: Way.TOO_LARGE, 4: Way.REFUSED}
"""Event ids, as `agent/losses.py` numbers them."""
_TEXTS = {
    Way.DROPPED: "were dropped on it: its spool was full while the hub could not be reached, or not fast enough",
    Way.DAMAGED: "could not be read back from its spool: look at its disk",
    Way.TOO_LARGE: "were too large to be sent",
    Way.REFUSED: "were refused by the hub for good: its log says why",
    Way.NUMBERS: "have not come, though later ones have: they were lost on it, or dropped",
}


@dataclass(slots=True)
class _Lost:
    name: str
    count: int
    since: int
    last: int
    told: int = -HOUR


@dataclass(slots=True)
class Losses:
    """What was lost, by sender and way."""

    _lost: dict[tuple[str, Way], _Lost] = field(default_factory=dict)
    _fresh: set[tuple[str, Way]] = field(default_factory=set)
    _looked: int = 0

    def resume(self, troubles: Iterable[Trouble], now: int) -> None:
        """Go on from what was told before a restart and is not over."""
        for trouble in troubles:
            kind, _, rest = trouble.key.partition("/")
            sender, _, way = rest.rpartition("/")
            if kind == KIND and sender and way in set(Way) and trouble.until is None:
                name = trouble.text.partition(":")[0]
                self._lost[sender, Way(way)] = _Lost(name, trouble.count, trouble.since, now, now)

    def see(self, merged: Merged) -> None:
        """Take in what agents say of themselves in a merged batch."""
        table = merged.table
        ways = {
            number: _BY_EVENT[kind.event_id]
            for number, kind in enumerate(table.kinds)
            if kind.channel == OWN and kind.event_id in _BY_EVENT
        }
        if not ways:
            return
        place = table.columns.places.get("Events")
        values = () if place is None else table.columns.values(place)
        for row in np.flatnonzero(np.isin(table.kind, list(ways))).tolist():
            at = ABSENT if place is None else int(table.columns.index[place][row])
            told = 1 if at == ABSENT else values[at]
            count = told if isinstance(told, int) and told > 0 else 1
            sender = merged.senders[int(merged.sender[row])]
            name = table.devices[int(table.device[row])] or sender
            self.add(sender, ways[int(table.kind[row])], name, count, int(merged.received[row]))

    def add(self, sender: str, way: Way, name: str, count: int, at: int) -> None:
        """Take in that so many events were lost; `name` is what people call the sender, `at` UTC ns."""
        key = (sender, way)
        lost = self._lost.get(key)
        if lost is None:
            if len(self._lost) >= KEPT:
                return
            lost = self._lost[key] = _Lost(name, 0, at, at)
        lost.count, lost.last = min(MAX_COUNT, lost.count + count), at
        self._fresh.add(key)

    def news(self, now: int) -> list[Trouble]:
        """Return what is to be written down now."""
        due = [key for key in self._fresh if now - self._lost[key].told >= HOUR]
        self._fresh.difference_update(due)
        for key in due:
            self._lost[key].told = now
        return [*(self._trouble(key, None) for key in due), *self._over(now)]

    def _over(self, now: int) -> list[Trouble]:
        if now - self._looked < HOUR:
            return []
        self._looked = now
        over = [key for key, lost in self._lost.items() if now - lost.last >= DAY and key not in self._fresh]
        found = [self._trouble(key, now) for key in over]
        for key in over:
            del self._lost[key]
        return found

    def _trouble(self, key: tuple[str, Way], until: int | None) -> Trouble:
        sender, way = key
        lost = self._lost[key]
        text = f"{lost.name}: of its events {lost.count:,} {_TEXTS[way]}"
        return Trouble(f"{KIND}/{sender}/{way}", KIND, sender, text, lost.since, until, lost.count)
