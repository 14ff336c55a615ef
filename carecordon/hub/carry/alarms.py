"""What is wrong with the hub is told to people: each look takes what lasts, and the outbox takes each of it once.

What is over before a look is not told: it needs nobody. Whoever looks may die at any moment, or be two: what was told
stands in the outbox alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from carecordon.model.device import Standing
from carecordon.model.kept import Trouble
from carecordon.model.match import Level
from carecordon.notify.alarm import HUSHED, LONE, alarm_of, alarms, key_of
from carecordon.register.register import Register

MOST = 20_000
"""Troubles that a look takes in, the latest: what lasts longer was seen by looks before."""
HELD = "held"


@dataclass(slots=True)
class Alarms:
    """Tells `receivers` (names as `NewNotice.channel` has them) of what is `least` or graver."""

    register: Register
    organisation: str
    receivers: Sequence[str]
    least: Level
    _told: set[str] = field(default_factory=set)
    """Keys of what lasts and is in the outbox: they need not be put there again."""
    _held: int | None = None
    """Devices that were held at the last look, None before the first."""

    def look(self, now: int) -> int:
        """Put what is new into the outbox; return how many troubles that are. Raises OSError where it takes none."""
        self._see_held(now)
        if not self.receivers:
            return 0
        lasting = [one for one in self._lasting() if alarm_of(one).level.rank >= self.least.rank]
        fresh = [one for one in lasting if key_of(one) not in self._told]
        if fresh:
            notices = alarms(fresh, self.organisation, self.receivers, self.least, now)
            self.register.cases.trouble((), notices)
        self._told = {key_of(one) for one in lasting}
        return len({key_of(one) for one in fresh})

    def _lasting(self) -> list[Trouble]:
        """Return what lasts; devices and sources that fell silent alone only where they are told."""
        lone = HUSHED if self.least.rank > LONE.level.rank else ()
        return self.register.cases.troubles(limit=MOST, without_lone=lone)

    def _see_held(self, now: int) -> None:
        """Write down that devices wait for a person since a restore, or that none does any more."""
        count = self.register.devices.count().get(Standing.HELD.value, 0)
        if count == self._held:
            return
        known = next((one for one in self._lasting() if one.key == HELD), None)
        if count:
            text = f"{count:,} devices are held since a restore: none of them may send until a person confirms it"
            since = known.since if known else now
            self.register.cases.trouble([Trouble(HELD, HELD, None, text, since, None, count)])
        elif known is not None:
            self.register.cases.trouble([replace(known, until=now)])
        self._held = count
