"""What a kind of log is: a name, and how one is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carecordon.model.stream import Stream


@dataclass(frozen=True, slots=True)
class Backend:
    """An engine that keeps logs.

    `open(place, partitions)` opens the log at `place`, or makes it with so many partitions where there is none (None:
    it must be there). Raises TheirFault where what is there is no log of ours, or has other partitions; OSError where
    it cannot be read.
    """

    name: str
    open: Callable[[str, int | None], Stream]
