"""Devices that are unproven and stay so: each half day, some times, it is told again, in the incident that it is.

Theory. No link of triage is longer than a day (pipeline/triage/group.py), so an incident to which nothing is added is
settled, and later evidence would open another one. A device whose key is in two places is one case until its
old key is revoked (who enrols anew does so under another id): what is told in between keeps it one, and opens it again
where it was closed and nothing was done. Whoever has not acted after MOST times is not told for ever: each time costs
triage a unit and its room; later evidence of the gate's is then a new incident, told as often. It also tells what a
gate marked and died before it could hand it over. When it was told first and last, the alert in the register says: no
restart makes it forget that, or tell it early.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from carecordon.hub.news.doubts import COPIED, Named, Sign, doubt
from carecordon.hub.trust.roster import Roster
from carecordon.model.device import Device, Standing
from carecordon.model.kept import AlertQuery
from carecordon.model.match import Match
from carecordon.register.register import Register

SECOND = 1_000_000_000
EVERY_NS = 12 * 3_600 * SECOND
MOST = 7
"""So often it is told again."""
AT_ONCE = 50
"""So many devices are looked at, and told of, in one look."""
GRACE_NS = 600 * SECOND
"""So long after it became unproven, or we began, the gate's own word is waited for."""


@dataclass(slots=True)
class Unproven:
    """Looks at which devices are unproven; `tell(matches, now)` hands over to triage, in one part."""

    register: Register
    tell: Callable[[Sequence[Match], int], None]
    _revision: int = 0
    _devices: dict[str, Device] = field(default_factory=dict)
    _due: dict[str, int] = field(default_factory=dict)
    """When each of them is looked at next (UTC ns)."""
    _roster: Roster | None = None

    def look(self, now: int) -> None:
        """Tell of whom it is time to; cheap where nothing has changed. Raises OSError where nothing can be written."""
        self._refresh(now)
        due: dict[str, int] = {}
        matches: list[Match] = []
        for device in islice((one for name, one in self._devices.items() if self._due[name] <= now), AT_ONCE):
            name = self._name(device)
            first, last = self._told(name, now)
            due[device.id] = now + EVERY_NS
            if now - last < EVERY_NS:
                due[device.id] = last + EVERY_NS
            elif last - first < MOST * EVERY_NS:
                matches.append(doubt(Sign.STILL, Named(device.id, name, device.kind), device.why, now))
        if matches:
            self.tell(matches, now)
        self._due |= due

    def _refresh(self, now: int) -> None:
        self._revision, changed = self.register.devices.changed_since(self._revision)
        for device in changed:
            if device.standing is Standing.UNPROVEN:
                self._devices[device.id] = device
                self._due.setdefault(device.id, now + GRACE_NS)
            else:
                self._devices.pop(device.id, None)
                self._due.pop(device.id, None)
        for name, due in self._due.items():
            self._due[name] = min(due, now + EVERY_NS)  # a clock that was ahead

    def _told(self, name: str, now: int) -> tuple[int, int]:
        """Return when it was told first and last of this device, in its latest incident (UTC ns); 0 where never."""
        rows = self.register.cases.alerts(AlertQuery(device=name, rule_id=COPIED.id, limit=1))
        return (min(rows[0].first, now), min(rows[0].last, now)) if rows else (0, 0)

    def _name(self, device: Device) -> str:
        """Return the name that the device's events go by."""
        if self._roster is None:
            self._roster = Roster(self.register.devices)
        self._roster.refresh()
        return self._roster.name(device.id) or device.name
