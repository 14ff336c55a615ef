"""Which incidents stand as they were told: what a process that takes up the state need not tell again.

An incident is made from its units, from the processes of their devices, from how rare its rules are, from what devices
are for, and by this program. So it stands where it was told, nothing came on its devices since, and the rest is as it
was. What is kept of this is written together with the incidents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec

import carecordon
from carecordon.pipeline.triage.score import Asset, Estate, rarity
from carecordon.pipeline.triage.unit import Unit


@dataclass(slots=True)
class Stood:
    """As of the last time that incidents were told.

    `stamp` of the assets and the program, `points` what each rule's rarity counted, `untold` the devices on which
    something came since.
    """

    stamp: str = ""
    points: Mapping[str, int] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)


class Standing:
    """What stands, and on which devices something came since."""

    def __init__(self, estate: Estate) -> None:
        """Begin with nothing told."""
        self.record = Stood(_stamp(estate.assets))
        self._assets = estate.assets
        self._former: Stood | None = None
        self._looked_at: AbstractSet[str] = frozenset()

    def resume(self, former: Stood | None) -> None:
        """Go on from what a process before this one left."""
        if former is not None and former.stamp == self.record.stamp:
            self._former = former
            self.record.points, self.record.untold = former.points, set(former.untold)

    def stir(self, devices: Iterable[str]) -> None:
        """Note that something came on these devices."""
        self.record.untold.update(devices)

    def look(self, spread: Mapping[str, int], estate: Estate) -> AbstractSet[str] | None:
        """Begin to tell anew; return the rules that count otherwise than the last time, None where everything may."""
        points = {rule: rarity(number, estate.devices).points for rule, number in spread.items()}
        other = {rule for rule, count in points.items() if self.record.points.get(rule, count) != count}
        self.record.points = points
        self._looked_at, self.record.untold = self.record.untold, set()
        if estate.assets is self._assets:
            return other
        self._assets, self._former = estate.assets, None
        self.record.stamp = _stamp(estate.assets)
        return None

    def holds(self, units: Sequence[Unit]) -> bool:
        """Return whether an incident of these units, told before this process began, stands."""
        former, points = self._former, self.record.points
        return former is not None and all(
            self._looked_at.isdisjoint(unit.devices) and former.points.get(unit.rule.id) == points[unit.rule.id]
            for unit in units
        )


def _stamp(assets: Mapping[str, Asset]) -> str:
    """Return what is the same for the same assets and the same program."""
    content = msgspec.msgpack.encode((carecordon.__version__, sorted(assets.items())))
    return hashlib.sha256(content).hexdigest()
