"""A kind of fact: which events tell it, what of them its sentence says, and when several are one fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from carecordon.model.device import COPIED_RULE
from carecordon.model.event import Fields
from carecordon.model.incident import EventSeen
from carecordon.model.match import RuleHead
from carecordon.report.story.values import Slot

DEVICE = "device"
"""As `varies`: the same on many devices is one fact."""
HUB = "hub"
Log = str
"""A log's short name, of LOGS."""

LOGS: Mapping[str, Log] = {
    "microsoft-windows-sysmon/operational": "sysmon",
    "security": "security",
    "system": "system",
    "application": "application",
    "windows powershell": "powershell-classic",
    "microsoft-windows-powershell/operational": "powershell",
    "powershellcore/operational": "powershell",
    "microsoft-windows-windows defender/operational": "defender",
    "microsoft-windows-taskscheduler/operational": "tasks",
    "microsoft-windows-terminalservices-localsessionmanager/operational": "sessions",
    "microsoft-windows-terminalservices-remoteconnectionmanager/operational": "remote-connections",
    "microsoft-windows-wmi-activity/operational": "wmi",
    "microsoft-windows-bits-client/operational": "bits",
    "microsoft-windows-windows firewall with advanced security/firewall": "firewall",
    "microsoft-windows-driverframeworks-usermode/operational": "usb",
    "carecordon-hub/devices": HUB,
}
"""Channels, in lower case, whose events have kinds of their own. Source: Windows event channels (protocols.md 8.1).

The last is ours: what the hub itself tells of a device (carecordon/hub/news/doubts.py).
"""


def log_of(event: EventSeen, rules: Iterable[RuleHead] = ()) -> Log:
    """Return the short name of an event's log; '' for one without kinds of its own.

    `rules` match it: an event is the hub's own only where the hub's own rule does. A device can send any channel.
    """
    log = LOGS.get((event.channel or "").lower(), "")
    return "" if log == HUB and all(rule.id != COPIED_RULE for rule in rules) else log


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fact.

    `key` its sentence in the catalogue (`facts.<key>`). Events of one device that agree in the
    slots `same` are one fact; `varies` is the slot whose different values are then counted and
    told by `facts.<key>_many`. `weight` 0 to 60: how much it says where no rule matches it.
    `when` narrows the events.
    """

    key: str
    events: tuple[tuple[Log, int], ...]
    slots: Mapping[str, Slot]
    same: tuple[str, ...]
    weight: int
    varies: str | None = None
    when: Callable[[Fields], bool] | None = None
    twin: tuple[str, ...] = field(default=())
    """Slots that name the happening itself: another log's event with the same ones tells nothing new."""

    def read(self, slot: str | None, fields: Fields) -> str | None:
        """Return a slot's raw text; None if the event does not say, or there is no such slot."""
        return None if slot is None else self.slots[slot].read(fields)

    def sentences(self) -> tuple[str, ...]:
        """Return the catalogue's keys that it may ask for."""
        return (f"facts.{self.key}", f"facts.{self.key}_many") if self.varies else (f"facts.{self.key}",)
