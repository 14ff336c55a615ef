"""A group as bytes: what its parts are, apart from their data, so that marks are read without it; each with a checksum.

The heads are msgpack behind a CRC-32 of themselves and of what stands beside them in the row; each head has the CRC-32
of its own data, so that one flipped bit costs one part.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from carecordon.model.stream import Entry, Part

CHECK = 4
"""Bytes of a checksum."""


class Head(msgspec.Struct, array_like=True, frozen=True):
    """One part of a group: who, which numbers, how many to leave out at either end, where its data stands, its sum."""

    sender: str
    epoch: int
    first: int
    last: int
    skip: int
    drop: int
    offset: int
    size: int
    check: int


class Row(NamedTuple):
    """What stands beside a group: `parts` and `size` (bytes) count all of the partition up to and with this group."""

    partition: int
    position: int
    received: int
    parts: int
    size: int


class Broken(NamedTuple):
    """A part, or with no head a whole group, whose checksum does not hold."""

    head: Head | None


_HEADS = msgspec.msgpack.Decoder(list[Head])


def write_heads(row: Row, heads: Sequence[Head]) -> bytes:
    """Return the heads as bytes."""
    return seal(_beside(row), msgspec.msgpack.encode(heads))


def read_heads(row: Row, sealed: bytes) -> list[Head] | None:
    """Return the heads; None where they, or what stands beside them, are not what was written."""
    raw = unseal(_beside(row), sealed)
    if raw is None:
        return None
    try:
        return _HEADS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_group(row: Row, sealed: bytes, data: bytes) -> Iterator[Entry | Broken]:
    """Yield the parts in their order, a broken one in its place."""
    heads = read_heads(row, sealed)
    if heads is None:
        yield Broken(None)
        return
    for head in heads:
        own = data[head.offset : head.offset + head.size]
        if len(own) != head.size or zlib.crc32(own) != head.check:
            yield Broken(head)
            continue
        part = Part(head.sender, head.epoch, head.first, head.last, own)
        yield Entry(row.position, row.received, head.skip, part, head.drop)


def seal(about: bytes, raw: bytes) -> bytes:
    """Return `raw` behind a checksum of it and of what it is about."""
    return zlib.crc32(raw, zlib.crc32(about)).to_bytes(CHECK, "big") + raw


def unseal(about: bytes, sealed: object) -> bytes | None:
    """Return what was sealed; None where it is not that, or not about this."""
    if not isinstance(sealed, bytes) or len(sealed) < CHECK:
        return None
    raw = sealed[CHECK:]
    return raw if seal(about, raw)[:CHECK] == sealed[:CHECK] else None


def _beside(row: Row) -> bytes:
    return struct.pack(">5q", *row)
