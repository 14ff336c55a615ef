"""What triage could not take part in, told: once it begins, again where it grows, over when a day brought no more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from carecordon.model.kept import Trouble
from carecordon.model.match import BlindSpot

SECOND = 1_000_000_000
LOOK_NS = 60 * SECOND
OVER_NS = 86_400 * SECOND
KIND = "blind"
PREFIX = f"{KIND}/triage/"
MOST = 1_000
"""Reasons told at a time."""


@dataclass(slots=True)
class Blindness:
    """Remembers what was told, and when each last grew (UTC ns)."""

    _open: dict[str, tuple[Trouble, int]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _looked: int | None = None

    def resume(self, troubles: Iterable[Trouble], now: int) -> None:
        """Take up what a former process told and is not over; it counted for itself."""
        self._open |= {one.key: (one, now) for one in troubles if one.key.startswith(PREFIX)}

    def news(self, spots: Sequence[BlindSpot], now: int) -> dict[str, Trouble]:
        """Return the troubles that are to be written, by key; looks once a minute (`now` UTC ns)."""
        if self._looked is not None and 0 <= now - self._looked < LOOK_NS:
            return {}
        self._looked = now
        found: dict[str, Trouble] = {}
        for spot in spots[:MOST]:
            key = f"{PREFIX}{hashlib.sha256(spot.reason.encode()).hexdigest()[:16]}"
            count = spot.count or 1
            if self._counts.get(key) == count:
                continue
            self._counts[key] = count
            since = self._open[key][0].since if key in self._open else now
            found[key] = Trouble(key, KIND, None, spot.reason, since, None, count)
            self._open[key] = found[key], now
        for key, (trouble, grew) in list(self._open.items()):
            if now - grew >= OVER_NS:
                found[key] = replace(trouble, until=now)
                del self._open[key]
        return found
