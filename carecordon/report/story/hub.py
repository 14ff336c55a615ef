"""Kinds of facts that the hub itself tells of a device, in a log of its own: that its key is in two places."""

from __future__ import annotations

from carecordon.report.story.kind import Kind
from carecordon.report.story.values import name, told

_DEVICE = {"own": name("DeviceId")}

HUB = (
    Kind(
        "key_in_two_places",
        (("hub", 1),),
        _DEVICE | {"evidence": told("evidence", "Evidence")},
        same=("own",),
        weight=50,
        varies="evidence",
    ),
    Kind("still_unproven", (("hub", 2),), _DEVICE, same=("own",), weight=30),
)
