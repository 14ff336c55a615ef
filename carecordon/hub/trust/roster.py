"""Which machine an event is of: by the certificate that it came with, not by what it says."""

from __future__ import annotations

from collections.abc import Iterable

from carecordon.model.device import Device, DeviceKind, Standing
from carecordon.register.register import Devices

UNKNOWN = "unknown device"
SHORT_ID = 6


class Roster:
    """The devices that a worker knows, kept up to date from the register."""

    def __init__(self, devices: Devices) -> None:
        """Read them all."""
        self._devices = devices
        self._known: dict[str, Device] = {}
        self._agents: dict[str, set[str]] = {}
        """Lower-case name to the ids of all agents that enrolled under it."""
        self._owner: dict[str, str] = {}
        """Lower-case name to the id that it belongs to."""
        self._unknown: set[str] = set()
        self._revision = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in what has changed; cheap where nothing has. Who was not known is looked for again."""
        self._unknown.clear()
        self._load()

    def _load(self) -> None:
        self._revision, changed = self._devices.changed_since(self._revision)
        names = set()
        for device in changed:
            self._known[device.id] = device
            if device.kind is DeviceKind.AGENT:
                name = device.name.lower()
                self._agents.setdefault(name, set()).add(device.id)
                names.add(name)
        for name in names:
            self._owner[name] = min((self._known[one] for one in self._agents[name]), key=_turn).id

    def name(self, sender: str) -> str | None:
        """Return the machine that all of a sender's events are of; None for a forwarder, whose events say it.

        A name belongs to the device that enrolled with it first and is not revoked: whoever else goes under it is told
        apart by its id. So a machine that is enrolled anew has its name again once its former self is revoked.
        """
        device = self._known.get(sender)
        if device is None and sender not in self._unknown:
            self._load()
            device = self._known.get(sender)
        if device is None:
            self._unknown.add(sender)  # not looked for again before the next refresh
            return f"{UNKNOWN} {sender}"
        if device.kind is DeviceKind.FORWARDER:
            return None
        owner = self._owner.get(device.name.lower())
        return device.name if owner is None or owner == device.id else f"{device.name} ({device.id[:SHORT_ID]})"

    def called(self, sender: str) -> str | None:
        """Return the name that a sender enrolled under, device or forwarder; None for one that is not known."""
        device = self._known.get(sender)
        return None if device is None else device.name

    def strangers(self, sender: str, names: Iterable[str | None]) -> list[str]:
        """Return those names in a sender's events that it has no right to.

        A device may speak of itself alone, a forwarder of every machine that has no agent of its own.
        """
        device = self._known.get(sender)
        if device is None:
            return []
        told = [name for name in names if name]
        if device.kind is DeviceKind.FORWARDER:
            return [name for name in told if name.lower() in self._owner]
        return [name for name in told if _label(name) != _label(device.name)]


def _turn(device: Device) -> tuple[bool, int, str]:
    """Return what of those under one name the owner has least of."""
    return device.standing is Standing.REVOKED, device.enrolled, device.id


def _label(name: str) -> str:
    return name.lower().split(".", 1)[0]
