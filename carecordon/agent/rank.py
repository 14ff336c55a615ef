"""Which events outlive which when a spool is full, by what they are worth to an investigation."""

from __future__ import annotations

from enum import IntEnum

from carecordon.model.event import Kind

SYSMON = "microsoft-windows-sysmon/operational"
SECURITY = "security"
OWN = "Carecordon-Agent"
"""The channel of what an agent says of itself."""


class Rank(IntEnum):
    """The classes of events, the dearest first. Source: the project's reliability notes, section 7."""

    ORDERS = 0
    """Alerts, orders, results, and what the agent says of itself: never dropped."""
    PROCESS = 1
    """Processes and logons, and all that is not known to be worth less."""
    NETWORK = 2
    FILE = 3
    """Files, registry, loaded libraries, pipes."""


_SYSMON_NETWORK = frozenset({3, 22})
_SYSMON_FILE = frozenset({2, 7, 9, 11, 12, 13, 14, 15, 17, 18, 23, 24, 26, 27, 28, 29})
_SECURITY_NETWORK = frozenset({5140, 5145, *range(5150, 5160), 5447})
_SECURITY_FILE = frozenset({4656, 4657, 4658, 4660, 4663, 4670, 4690})
_DEFENDER = "microsoft-windows-windows defender/operational"
_ALERTS = frozenset({1006, 1015, 1116, 1117, 1118, 1119})
_CATEGORY = {
    "network_connection": Rank.NETWORK,
    "dns_query": Rank.NETWORK,
    "dns": Rank.NETWORK,
    "firewall": Rank.NETWORK,
    "proxy": Rank.NETWORK,
    "file_event": Rank.FILE,
    "file_access": Rank.FILE,
    "file_change": Rank.FILE,
    "file_delete": Rank.FILE,
    "file_rename": Rank.FILE,
    "image_load": Rank.FILE,
    "pipe_created": Rank.FILE,
    "registry_event": Rank.FILE,
    "registry_add": Rank.FILE,
    "registry_delete": Rank.FILE,
    "registry_set": Rank.FILE,
    "antivirus": Rank.ORDERS,
}


def rank_of(kind: Kind) -> Rank:
    """Return the class of a kind of event.

    Source: event ids of Sysmon 15, of Windows' security audit and of Microsoft Defender's log, as Microsoft lists them.
    """
    if kind.bound is not None:
        return _CATEGORY.get(kind.bound.category or "", Rank.PROCESS)
    channel, number = (kind.channel or "").lower(), kind.event_id
    if kind.channel == OWN or (channel == _DEFENDER and number in _ALERTS):
        return Rank.ORDERS
    if channel == SYSMON:
        return Rank.NETWORK if number in _SYSMON_NETWORK else Rank.FILE if number in _SYSMON_FILE else Rank.PROCESS
    if channel == SECURITY:
        return Rank.NETWORK if number in _SECURITY_NETWORK else Rank.FILE if number in _SECURITY_FILE else Rank.PROCESS
    return Rank.PROCESS
