"""Reads bytes through a feed as a scan does: split, then each block by itself, positions added up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

from carecordon.model.block import RUN, Bad
from carecordon.model.feed import Feed, Stream


@dataclass
class Reading:
    """The events and the bad records of a file, at their positions in it."""

    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    records: int = 0

    @property
    def lost(self) -> list[tuple[int, int]]:
        """Return position and count of what is lost."""
        return [(bad.position, bad.count) for bad in self.bad if bad.count]

    @property
    def notes(self) -> list[str]:
        """Return what is told though nothing is known to be lost."""
        return [bad.reason for bad in self.bad if not bad.count]


def read_all(feed: Feed, source: bytes | Stream) -> Reading:
    """Return what a feed makes of a file."""
    reading = Reading()
    for item in feed.split(BytesIO(source) if isinstance(source, bytes) else source):
        base = reading.records
        if isinstance(item, Bad):
            reading.bad.append(replace(item, position=base + 1))
            reading.records += item.count
            continue
        for run in feed.read(item):
            position = base + run.position
            if isinstance(run, Bad):
                reading.bad.append(replace(run, position=position))
                reading.records = position + run.count - 1
            else:
                assert 0 < len(run.documents) <= RUN
                reading.events.update(enumerate(run.documents, position))
                reading.records = position + len(run.documents) - 1
    return reading


class Repeated:
    """A stream of pieces that are never all in memory."""

    def __init__(self, *parts: tuple[bytes, int]) -> None:
        """Give each part so many times."""
        self._parts = [(piece, times) for piece, times in parts if times]
        self.largest = 0

    def read(self, size: int, /) -> bytes:
        self.largest = max(self.largest, size)
        if not self._parts:
            return b""
        piece, times = self._parts[0]
        self._parts[:1] = [(piece, times - 1)] if times > 1 else []
        if len(piece) > size:
            self._parts.insert(0, (piece[size:], 1))
        return piece[:size]


class Sips:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        """Give `size` bytes at most."""
        self._data = data
        self._size = size

    def read(self, size: int, /) -> bytes:
        step = min(size, self._size)
        piece, self._data = self._data[:step], self._data[step:]
        return piece
