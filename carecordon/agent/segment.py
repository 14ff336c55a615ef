"""One file of a spool: records one behind the other, each with its length and a checksum that only its own place fits.

A record is MARK, CRC-32, length, first and last number (little-endian), then the batch. The checksum begins with the
class and the epoch, which stand in the file's name: a record under another name is no record.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from carecordon.agent.rank import Rank
from carecordon.wire.frame import MAX_PACKED

MARK = b"\xc5cRs"
_HEAD = struct.Struct("<4sIIQQ")
_COVERED = struct.Struct("<IQQ")
"""What the checksum covers of the head: length, first, last."""
_SEED = struct.Struct("<BQ")
HEAD_BYTES = _HEAD.size
_NAME = re.compile(r"([0-3])-([0-9a-f]{16})-([0-9]{19})\.seg", re.ASCII)


class Name(NamedTuple):
    """What a segment's file is called: class, epoch, and the lowest number that may stand in it."""

    rank: Rank
    epoch: int
    base: int

    def __str__(self) -> str:
        """Return the file's name."""
        return f"{self.rank:d}-{self.epoch:016x}-{self.base:019d}.seg"

    @classmethod
    def of(cls, text: str) -> Name | None:
        """Return what a file's name says; None where it is no segment's."""
        found = _NAME.fullmatch(text)
        return None if found is None else cls(Rank(int(found[1])), int(found[2], 16), int(found[3]))


class Place(NamedTuple):
    """Where a record stands: its numbers, and where its batch begins and how long it is."""

    first: int
    last: int
    start: int
    size: int


class Hole(NamedTuple):
    """Bytes that are no record: from `offset` on, `size` of them; their numbers are between `after` and `before`."""

    offset: int
    size: int
    after: int
    before: int | None
    """None: nothing comes behind the hole."""


def pack(name: Name, first: int, last: int, data: bytes) -> bytes:
    """Return a record."""
    return _HEAD.pack(MARK, _checksum(name, first, last, data), len(data), first, last) + data


def records(name: Name, content: bytes) -> Iterator[Place | Hole]:
    """Yield the records of a segment, and what lies between them that is none; never raises."""
    at, after, size = 0, name.base - 1, len(content)
    while at < size:
        place = _record(name, content, at, after)
        if place is None:
            found = _next(name, content, at, after)
            end, before = (size, None) if found is None else (found.start - HEAD_BYTES, found.first)
            yield Hole(at, end - at, after, before)
            at = end
            continue
        yield place
        at, after = place.start + place.size, place.last


def batch_at(name: Name, file: BinaryIO, place: Place) -> bytes | None:
    """Return the batch of a record in an open file; None where it can no longer be read or is not what was written."""
    try:
        file.seek(place.start - HEAD_BYTES)
        content = file.read(HEAD_BYTES + place.size)
    except OSError:
        return None
    return content[HEAD_BYTES:] if _record(name, content, 0, place.first - 1) is not None else None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, or not at all, whatever happens."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _checksum(name: Name, first: int, last: int, data: bytes | memoryview) -> int:
    seed = zlib.crc32(_SEED.pack(name.rank, name.epoch))
    return zlib.crc32(data, zlib.crc32(_COVERED.pack(len(data), first, last), seed))


def _record(name: Name, content: bytes, at: int, after: int) -> Place | None:
    """Return the record that begins here, if there is one and its numbers are behind `after`."""
    start = at + HEAD_BYTES
    if start > len(content):
        return None
    mark, checksum, size, first, last = _HEAD.unpack_from(content, at)
    if mark != MARK or size > MAX_PACKED or start + size > len(content) or not after < first <= last:
        return None
    data = memoryview(content)[start : start + size]
    return Place(first, last, start, size) if _checksum(name, first, last, data) == checksum else None


def _next(name: Name, content: bytes, at: int, after: int) -> Place | None:
    """Return the first record behind a place that holds none."""
    while (at := content.find(MARK, at + 1)) >= 0:
        if (place := _record(name, content, at, after)) is not None:
            return place
    return None
