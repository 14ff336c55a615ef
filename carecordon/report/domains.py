"""What devices are called to a reader: without their domain where all of an incident share one, which is said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Names = Mapping[str, str]
"""Device to what it is called; a device that is not there keeps its name."""


def shared_domain(devices: Sequence[str]) -> str | None:
    """Return the domain that all devices are in; None if there is none, or names would be the same without it."""
    parts = [device.partition(".") for device in devices]
    domains = {domain for _, _, domain in parts}
    firsts = {first for first, _, _ in parts}
    if len(domains) != 1 or "" in domains or len(firsts) != len(set(devices)):
        return None
    return None if any(first.isdecimal() or not first for first in firsts) else domains.pop()


def short_names(devices: Sequence[str]) -> Names:
    """Return what each device is called."""
    domain = shared_domain(devices)
    return {} if domain is None else {device: device.partition(".")[0] for device in devices}
