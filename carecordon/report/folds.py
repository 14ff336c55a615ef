"""Incidents told as one where many small ones are alike, so that the worst is not buried under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import Case
from carecordon.model.match import Level

FOLDED_ABOVE = 8
"""Up to so many incidents each stands for itself."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Incidents that are told as one, and where each stands (from 1) among all; mostly one alone."""

    places: tuple[int, ...]
    cases: tuple[Case, ...]

    @property
    def first(self) -> int:
        """Return when the earliest of them began, UTC ns."""
        return min(case.incident.first for case in self.cases)

    @property
    def last(self) -> int:
        """Return when the last of them ended, UTC ns."""
        return max(case.incident.last for case in self.cases)

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the devices of all, in the order of the incidents."""
        return tuple(dict.fromkeys(device for case in self.cases for device in case.incident.devices))


def folds(cases: Sequence[Case]) -> list[Fold]:
    """Return the incidents in their order; of many, those that are low or less and have one title as one."""
    found: dict[tuple[object, ...], list[int]] = {}
    for place, case in enumerate(cases):
        one = case.incident
        is_small = len(cases) > FOLDED_ABOVE and one.level.rank <= Level.LOW.rank
        found.setdefault((one.level, one.title) if is_small else (place,), []).append(place)
    return [
        Fold(tuple(place + 1 for place in places), tuple(cases[place] for place in places)) for places in found.values()
    ]
