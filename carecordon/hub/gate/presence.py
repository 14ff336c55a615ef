"""What the gate knows of a device that is here, or was since the gate began."""

from __future__ import annotations

from dataclasses import dataclass, field

from carecordon.hub.gate.bucket import Bucket
from carecordon.hub.gate.clones import Evidence, Trail
from carecordon.hub.gate.link import Link


@dataclass(slots=True)
class Presence:
    """A device: its share of what the gate takes, its links, what it did lately and what speaks against it."""

    name: str
    bucket: Bucket
    links: list[Link] = field(default_factory=list)
    trail: Trail = field(default_factory=Trail)
    doubts: dict[Evidence, int] = field(default_factory=dict)
    """When evidence of each kind was last told (steady ns)."""
