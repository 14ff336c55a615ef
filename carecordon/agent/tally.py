"""The small file beside a spool's records: the present epoch, how far its count went, and losses not told yet.

It is written in place, so that it can be written on a full disk; one that is torn says nothing at all, and then the
spool begins a new epoch.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from carecordon.agent.rank import Rank
from carecordon.agent.segment import write_whole

_MAGIC = b"CCtally1"
_FORM = struct.Struct("<8sQQQ" + "QQQ" * len(Rank))
_CHECK = struct.Struct("<I")


@dataclass(slots=True)
class Dropped:
    """Events of one class that were dropped: how many, and the lowest and highest of their numbers."""

    events: int = 0
    first: int = 0
    last: int = 0

    def add(self, events: int, first: int, last: int) -> None:
        """Count more."""
        self.first = first if not self.events else min(self.first, first)
        self.last = max(self.last, last)
        self.events += events


@dataclass(slots=True)
class Tally:
    """`next` is a number that was not given away before; everything below `acked` of the epoch is at the hub."""

    epoch: int
    next: int = 0
    acked: int = 0
    dropped: dict[Rank, Dropped] = field(default_factory=lambda: {rank: Dropped() for rank in Rank})


def read_tally(path: Path) -> Tally | None:
    """Return what the file says; None where it cannot be relied on. Raises OSError if it is not there."""
    content = path.read_bytes()
    if len(content) != _FORM.size + _CHECK.size or content[-4:] != _check(content[:-4]):
        return None
    magic, epoch, following, acked, *counts = _FORM.unpack(content[:-4])
    if magic != _MAGIC:
        return None
    dropped = {rank: Dropped(*counts[3 * rank : 3 * rank + 3]) for rank in Rank}
    return Tally(epoch, following, acked, dropped)


def write_tally(path: Path, tally: Tally, *, is_synced: bool) -> None:
    """Write the file in place; `is_synced`: it is on disk on return."""
    counts = [number for rank in Rank for number in _numbers(tally.dropped[rank])]
    content = _FORM.pack(_MAGIC, tally.epoch, tally.next, tally.acked, *counts)
    content += _check(content)
    if not path.exists():
        write_whole(path, content)
        return
    with path.open("r+b", buffering=0) as file:
        file.write(content)
        if is_synced:
            os.fsync(file.fileno())


def _numbers(dropped: Dropped) -> tuple[int, int, int]:
    return dropped.events, dropped.first, dropped.last


def _check(content: bytes) -> bytes:
    return _CHECK.pack(zlib.crc32(content))
