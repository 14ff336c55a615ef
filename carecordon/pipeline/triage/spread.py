"""On how many devices each rule has matched: what is rare weighs more."""

from __future__ import annotations

from collections.abc import Mapping

from carecordon.pipeline.triage.unit import Unit


class Spread:
    """The devices of each rule, with how many units of it; `forgets` those of units that are taken out."""

    def __init__(self, *, forgets: bool) -> None:
        """Begin with none."""
        self._forgets = forgets
        self._reached: dict[str, dict[str, int]] = {}

    def put(self, unit: Unit) -> None:
        """Count a unit's devices."""
        reached = self._reached.setdefault(unit.rule.id, {})
        for device in unit.devices:
            reached[device] = reached.get(device, 0) + 1

    def take_out(self, unit: Unit) -> None:
        """Count a unit's devices no more."""
        if not self._forgets:
            return
        reached = self._reached[unit.rule.id]
        for device in unit.devices:
            reached[device] -= 1
            if not reached[device]:
                del reached[device]
        if not reached:
            del self._reached[unit.rule.id]

    def devices(self) -> Mapping[str, int]:
        """Return on how many devices each rule has matched."""
        return {rule: len(names) for rule, names in self._reached.items()}
