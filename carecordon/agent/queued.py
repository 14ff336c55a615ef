"""Batches on their way through a device's queue: as they go in, and as they come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from carecordon.agent.rank import Rank


@dataclass(frozen=True, slots=True)
class Part:
    """One batch as it goes in: numbers `first` to `last` of the present epoch."""

    rank: Rank
    first: int
    last: int
    data: bytes

    @property
    def events(self) -> int:
        """Return how many numbers it has."""
        return self.last - self.first + 1


class Kept(NamedTuple):
    """One batch as it comes out."""

    epoch: int
    first: int
    last: int
    data: bytes
