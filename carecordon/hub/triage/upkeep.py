"""What a register needs from time to time: the end of its audit log kept with the keys, and what is over forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carecordon.hub.trust.anchors import note_anchor
from carecordon.register.register import Register

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
ANCHOR_S = 600.0


@dataclass(slots=True)
class Upkeep:
    """Looks after one register; `retention_days` as the settings say."""

    register: Register
    keys: Path
    retention_days: int
    _anchored: int = 0
    _tidied: int = 0

    def look(self, now: int) -> None:
        """Do what is due (`now` UTC ns), all of it where the clock went back. Raises OSError where the disk is full."""
        if not 0 <= now - self._anchored < ANCHOR_S * SECOND:
            self._anchored = now
            self.anchor()
        if not 0 <= now - self._tidied < DAY:
            self._tidied = now
            self.register.tidy(now - self.retention_days * DAY)

    def anchor(self) -> None:
        """Keep the end of the audit log beside the keys, so that nobody cuts it off unseen."""
        note_anchor(self.keys, self.register.audit.head())
