"""Which incidents stand as they were told: what a process that takes up the state need not tell again.

An incident is made from its units, from the processes of their devices, from how rare its rules are, from what devices
are for, and by a teller. So it stands where it was told of as many units as it has, nothing came on its devices since,
and the rest is as it was. That something came on a device is a record of its own until incidents are told again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import msgspec
from msgspec import Struct

from carecordon.pipeline.triage.score import Estate, rarity
from carecordon.pipeline.triage.starts import Id
from carecordon.pipeline.triage.unit import Unit


class AsTold(Struct, frozen=True, array_like=True):
    """An incident as it was told: of how many units, and which ids it had before."""

    units: int
    aliases: frozenset[str]


class LastTold(Struct, frozen=True):
    """What all incidents that were told last have in common: the `stamp` of teller and assets, and how rare rules were.

    `points` what each rule's rarity counted.
    """

    stamp: str = ""
    points: dict[str, int] = {}


class Told(NamedTuple):
    """What an incident was made from when it was told last (made from the same, it is the same), and what was said.

    `asked` are the ids of processes that were asked for.
    """

    state: object
    digest: bytes
    as_told: AsTold
    asked: tuple[Id, ...]


class Unchanged:
    """What stands, and on which devices something came since."""

    def __init__(self, estate: Estate, teller: str) -> None:
        """Begin with nothing told. `teller` is another text whenever the same would be told otherwise."""
        self._teller, self._assets = teller, estate.assets
        self.record = LastTold(self._stamp())
        self._former: LastTold | None = None
        self._untold: set[str] = set()
        self._looked_at: AbstractSet[str] = frozenset()

    def resume(self, former: LastTold | None, untold: Iterable[str]) -> None:
        """Go on from what a process before this one left."""
        self._untold.update(untold)
        if former is not None and former.stamp == self.record.stamp:
            self._former = self.record = former

    @property
    def goes_on(self) -> bool:
        """Return whether this teller told what was told last, with the same assets."""
        return self._former is not None

    def is_untold(self, device: str) -> bool:
        """Return whether something came on a device since incidents were told."""
        return device in self._untold

    def stir(self, devices: Iterable[str]) -> Collection[str]:
        """Note that something came on these devices; return those on which nothing had."""
        fresh = set(devices) - self._untold
        self._untold |= fresh
        return fresh

    def look(self, spread: Mapping[str, int], estate: Estate) -> AbstractSet[str] | None:
        """Begin to tell anew; return the rules that count otherwise than the last time, None where everything may."""
        points = {rule: rarity(number, estate.devices).points for rule, number in spread.items()}
        before = self.record.points
        other = {rule for rule, count in points.items() if before.get(rule, count) != count}
        is_same = estate.assets is self._assets
        if not is_same:
            self._assets, self._former = estate.assets, None
        self.record = LastTold(self.record.stamp if is_same else self._stamp(), points)
        self._looked_at, self._untold = self._untold, set()
        return other if is_same else None

    @property
    def looked_at(self) -> AbstractSet[str]:
        """Return the devices on which something had come when telling began anew."""
        return self._looked_at

    def holds(self, units: Sequence[Unit], told: AsTold | None) -> bool:
        """Return whether an incident of these units, told so before this process began, stands."""
        former, points = self._former, self.record.points
        if former is None or told is None or told.units != len(units):
            return False
        return all(
            self._looked_at.isdisjoint(unit.devices) and former.points.get(unit.rule.id) == points[unit.rule.id]
            for unit in units
        )

    def _stamp(self) -> str:
        """Return what is the same for the same teller and the same assets."""
        return hashlib.sha256(msgspec.msgpack.encode((self._teller, sorted(self._assets.items())))).hexdigest()
