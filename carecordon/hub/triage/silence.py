"""Devices that say nothing any more, as long as somebody listens."""

from __future__ import annotations

from dataclasses import dataclass, field

from carecordon.hub.news.quiet import SECOND, Hush, Quiet
from carecordon.model.device import Standing
from carecordon.register.register import Register

LOOK_S = 30.0
PAGE = 1_000
KIND = "silent"
MOST = 10_000
"""Open troubles that are looked at for what a former process told."""


@dataclass(slots=True)
class Silence:
    """Looks at when devices spoke last. `silent_after_s`: how long without a word is too long."""

    register: Register
    silent_after_s: float
    _quiet: Quiet = field(default_factory=lambda: Quiet(KIND, "devices"))
    _since: int = 0
    """When the hub itself began to listen (UTC ns): before that nobody could be heard."""
    _looked: int = 0
    _is_resumed: bool = False

    def look(self, now: int, heard_until: int) -> None:
        """Write down who fell silent and who speaks again; `heard_until` when the gate last said that it listens."""
        if 0 <= now - self._looked < LOOK_S * SECOND:
            return
        self._looked = now
        self._since = min(self._since or now, now)
        self._resume(now)
        if heard_until < now - self.silent_after_s * SECOND / 2:
            self._since = now  # nobody listened: silence proves nothing
            return
        troubles = self._quiet.news(self._hushed(self._since, now), now)
        if troubles:
            self.register.cases.trouble(troubles)

    def _resume(self, now: int) -> None:
        """Take up what was told before this process began."""
        if not self._is_resumed:
            self._is_resumed = True
            open_ones = [one for one in self.register.cases.troubles(limit=MOST) if one.kind == KIND]
            self._quiet.resume(open_ones, self._hushed(0, now) if open_ones else {})

    def _hushed(self, since: int, now: int) -> dict[str, Hush]:
        """Return the silent devices by id; of those not told yet, what was before `since` is no proof."""
        found: dict[str, Hush] = {}
        after = ""
        while page := self.register.devices.all(after, PAGE):
            for one in page:
                heard = min(one.last_seen or one.enrolled, now)
                proven = heard if self._quiet.knows(one.id) else max(heard, since)
                if one.standing is not Standing.REVOKED and now - proven > self.silent_after_s * SECOND:
                    found[one.id] = Hush(one.name, one.id, heard)
            after = page[-1].id
        return found
