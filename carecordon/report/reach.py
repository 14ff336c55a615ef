"""Which devices of an incident show signs of it, which were only connected to, and what each of them is for.

Those whose loss would harm patients most stand first, S3 before S2 before S1, in both groups: they must not be
missed where a list is cut. What a device is for comes from the hospital's own list (`--devices`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import DeviceAsset, Incident
from carecordon.report.domains import Names, short_names

GRAVE = ("S3", "S2", "S1")


@dataclass(frozen=True, slots=True)
class Reach:
    """The devices of an incident: `hit` have an alert of their own, `touched` are named by a correlation alone."""

    hit: tuple[str, ...]
    touched: tuple[str, ...]


def reach(one: Incident) -> Reach:
    """Return the devices in two groups; where no device has an alert of its own, all are in the first."""
    assets = assets_of(one)
    devices = sorted(one.devices, key=lambda device: _gravity(assets.get(device)))
    alerted = {alert.device for alert in one.alerts}
    hit = [device for device in devices if device in alerted] or devices
    return Reach(tuple(hit), tuple(device for device in devices if device not in set(hit)))


def assets_of(one: Incident) -> dict[str, DeviceAsset]:
    """Return what is known of the devices, by device."""
    return {asset.device: asset for asset in one.assets}


def class_of(asset: DeviceAsset) -> str:
    """Return impact and class of a device: `S3 theatre.anaesthesia`."""
    return f"{asset.impact} {asset.kind}".strip()


def called(one: Incident) -> Names:
    """Return what each device is called in a list of where an incident is; one that is alone by its whole name."""
    return short_names(one.devices) if len(one.devices) > 1 else {}


def listed(devices: Sequence[str], one: Incident, names: Names) -> list[str]:
    """Return the devices as they stand in a list: each with its class beside it, where that is known."""
    assets = assets_of(one)
    return [
        names.get(device, device) + (f" ({class_of(assets[device])})" if device in assets else "") for device in devices
    ]


def _gravity(asset: DeviceAsset | None) -> int:
    """Return what to sort by; S0 and what is not known stay in the order of the incident."""
    return GRAVE.index(asset.impact) if asset is not None and asset.impact in GRAVE else len(GRAVE)
