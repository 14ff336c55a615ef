"""Devices that say nothing any more, as long as somebody listens."""

from __future__ import annotations

from dataclasses import dataclass, field

from carecordon.hub.quiet import SECOND, Hush, Quiet
from carecordon.model.device import Device, Standing
from carecordon.register.register import Register

LOOK_S = 30.0
PAGE = 1_000
KIND = "silent"


@dataclass(slots=True)
class Silence:
    """Looks at when devices spoke last. `silent_after_s`: how long without a word is too long."""

    register: Register
    silent_after_s: float
    _quiet: Quiet = field(default_factory=lambda: Quiet(KIND, "devices"))
    _since: int = 0
    """When the hub itself began to listen (UTC ns): before that nobody could be heard."""
    _looked: int = 0

    def look(self, now: int, heard_until: int) -> None:
        """Write down who fell silent and who speaks again; `heard_until` when the gate last said that it listens."""
        if now - self._looked < LOOK_S * SECOND:
            return
        self._looked = now
        self._since = self._since or now
        if heard_until < now - self.silent_after_s * SECOND / 2:
            self._since = now  # nobody listened: silence proves nothing
            return
        silent = {one.id: Hush(one.name, one.id, one.last_seen or one.enrolled) for one in self._silent(now)}
        troubles = self._quiet.news(silent, now)
        if troubles:
            self.register.cases.trouble(troubles)

    def _silent(self, now: int) -> list[Device]:
        found: list[Device] = []
        after = ""
        while page := self.register.devices.all(after, PAGE):
            found += (one for one in page if self._is_silent(one, now))
            after = page[-1].id
        return found

    def _is_silent(self, device: Device, now: int) -> bool:
        heard = max(device.last_seen or device.enrolled, self._since)
        return device.standing is not Standing.REVOKED and now - heard > self.silent_after_s * SECOND
