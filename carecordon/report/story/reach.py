"""How far an incident got: devices that show it themselves, and those that were only connected to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import EventSeen, Incident
from carecordon.report.story.kinds import kind_of
from carecordon.report.story.runs import Rules

ARRIVES = frozenset({
    "connection_in", "connection_blocked", "logon", "logon_failed", "session", "share_opened", "share_file",
    "password_wrong", "password_checked", "ticket", "ticket_refused", "service_ticket",
})  # fmt: skip
"""Kinds of facts that come to a device from elsewhere: alone they do not say that anything ran on it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The incident's devices in its order, each in one of two: `shown` show it, `touched` were only connected to."""

    shown: tuple[str, ...]
    touched: tuple[str, ...]


def reach_of(incident: Incident, events: Sequence[EventSeen], rules: Rules) -> Reach:
    """Return which devices have an alert of their own, or an event of a correlation that came from nowhere else."""
    shown = {alert.device for alert in incident.alerts}
    shown |= {
        event.device
        for event in events
        if event.device and (event.file, event.position) in rules and kind_of(event).key not in ARRIVES
    }
    return Reach(
        tuple(device for device in incident.devices if device in shown),
        tuple(device for device in incident.devices if device not in shown),
    )
