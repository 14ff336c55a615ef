"""Which machine an event is of: by the certificate that it came with, not by what it says."""

from __future__ import annotations

from collections.abc import Iterable

from carecordon.model.device import Device, DeviceKind
from carecordon.register.register import Devices

UNKNOWN = "unknown device"
SHORT_ID = 6


class Roster:
    """The devices that a worker knows, kept up to date from the register."""

    def __init__(self, devices: Devices) -> None:
        """Read them all."""
        self._devices = devices
        self._known: dict[str, Device] = {}
        self._first: dict[str, tuple[int, str]] = {}
        """Lower-case name to (enrolled, id) of the device that had it first."""
        self._unknown: set[str] = set()
        self._revision = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in what has changed; cheap where nothing has. Who was not known is looked for again."""
        self._unknown.clear()
        self._load()

    def _load(self) -> None:
        self._revision, changed = self._devices.changed_since(self._revision)
        for device in changed:
            self._known[device.id] = device
            if device.kind is DeviceKind.AGENT:
                name = device.name.lower()
                self._first[name] = min(
                    self._first.get(name, (device.enrolled, device.id)), (device.enrolled, device.id)
                )

    def name(self, sender: str) -> str | None:
        """Return the machine that all of a sender's events are of; None for a forwarder, whose events say it.

        A name belongs to the device that enrolled with it first: whoever comes later under it is told apart by its id.
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
        owner = self._first.get(device.name.lower())
        return device.name if owner is None or owner[1] == device.id else f"{device.name} ({device.id[:SHORT_ID]})"

    def strangers(self, sender: str, names: Iterable[str | None]) -> list[str]:
        """Return those names in a sender's events that it has no right to.

        A device may speak of itself alone, a forwarder of every machine that has no agent of its own.
        """
        device = self._known.get(sender)
        if device is None:
            return []
        told = [name for name in names if name]
        if device.kind is DeviceKind.FORWARDER:
            return [name for name in told if self._first.get(name.lower()) is not None]
        return [name for name in told if _label(name) != _label(device.name)]


def _label(name: str) -> str:
    return name.lower().split(".", 1)[0]
