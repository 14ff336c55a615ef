"""Devices that fell silent: one by one where they are few, as one thing where many stop at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carecordon.model.device import Device, Standing
from carecordon.model.kept import Trouble
from carecordon.model.times import span_text
from carecordon.register.register import Register

SECOND = 1_000_000_000
MANY = 10
"""So many devices that stop between two looks are one trouble: a switch, a link, a power cut."""
NAMED = 12
LOOK_S = 30.0
PAGE = 1_000
KIND = "silent"


@dataclass(slots=True)
class Silence:
    """Looks at when devices spoke last. `silent_after_s`: how long without a word is too long."""

    register: Register
    silent_after_s: float
    since: int = 0
    """When the hub itself began to listen (UTC ns): before that nobody could be heard."""
    _lone: dict[str, Trouble] = field(default_factory=dict)
    _crowds: dict[str, tuple[Trouble, frozenset[str]]] = field(default_factory=dict)
    _looked: int = 0

    def look(self, now: int, heard_until: int) -> None:
        """Write down who fell silent and who speaks again; `heard_until` when the gate last said that it listens."""
        if now - self._looked < LOOK_S * SECOND:
            return
        self._looked = now
        self.since = self.since or now
        if heard_until < now - self.silent_after_s * SECOND / 2:
            self.since = now  # nobody listened: silence proves nothing
            return
        devices = self._devices()
        silent = {one.id: one for one in devices if self._is_silent(one, now)}
        troubles = [*self._over(silent, now), *self._new(silent, now)]
        if troubles:
            self.register.cases.trouble(troubles)

    def _devices(self) -> list[Device]:
        found: list[Device] = []
        while page := self.register.devices.all(found[-1].id if found else "", PAGE):
            found += page
        return found

    def _is_silent(self, device: Device, now: int) -> bool:
        heard = max(device.last_seen or device.enrolled, self.since)
        return device.standing is not Standing.REVOKED and now - heard > self.silent_after_s * SECOND

    def _new(self, silent: Mapping[str, Device], now: int) -> list[Trouble]:
        known = set(self._lone).union(*(names for _, names in self._crowds.values()))
        fresh = [device for name, device in silent.items() if name not in known]
        if len(fresh) >= MANY:
            trouble = self._crowd(fresh, now)
            self._crowds[trouble.key] = trouble, frozenset(device.id for device in fresh)
            return [trouble]
        found = []
        for device in fresh:
            last = device.last_seen or device.enrolled
            text = f"{device.name} has said nothing for {span_text((now - last) / SECOND)}"
            self._lone[device.id] = Trouble(f"{KIND}/{device.id}", KIND, device.id, text, last)
            found.append(self._lone[device.id])
        return found

    def _crowd(self, fresh: Sequence[Device], now: int) -> Trouble:
        first = min(device.last_seen or device.enrolled for device in fresh)
        names = ", ".join(sorted(device.name for device in fresh)[:NAMED])
        more = f" and {len(fresh) - NAMED:,} more" if len(fresh) > NAMED else ""
        text = f"{len(fresh):,} devices fell silent together: {names}{more}"
        return Trouble(f"{KIND}/{now}", KIND, None, text, first, None, len(fresh))

    def _over(self, silent: Mapping[str, Device], now: int) -> list[Trouble]:
        found = [_ended(trouble, now) for name, trouble in self._lone.items() if name not in silent]
        self._lone = {name: trouble for name, trouble in self._lone.items() if name in silent}
        for key, (trouble, names) in list(self._crowds.items()):
            left = names.intersection(silent)
            if not left:
                found.append(_ended(trouble, now))
                del self._crowds[key]
            elif len(left) < len(names):
                self._crowds[key] = trouble, left
        return found


def _ended(trouble: Trouble, now: int) -> Trouble:
    return Trouble(trouble.key, trouble.kind, trouble.device, trouble.text, trouble.since, now, trouble.count)
