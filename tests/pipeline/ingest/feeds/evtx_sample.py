"""A small true EVTX file to damage: the first chunks of one from outside, with a file header that fits."""

from __future__ import annotations

import functools
import os
import struct
from pathlib import Path

import pytest

HEADER = 4096
CHUNK = 65_536
CHUNKS = 3
SHARED = Path(os.environ.get("CARECORDON_SHARED", "../shared")) / "data" / "evtx-to-mitre"

needs_sample = pytest.mark.skipif(
    not SHARED.is_dir(), reason="outside data is absent (CARECORDON_SHARED): evtx-to-mitre"
)


@functools.cache
def sample() -> bytes:
    """Return a closed log of three chunks, from the largest file there is."""
    whole = max(SHARED.rglob("*.evtx"), key=lambda path: (path.stat().st_size, path.name)).read_bytes()
    log = bytearray(whole[: HEADER + CHUNKS * CHUNK])
    last = struct.unpack_from("<Q", log, HEADER + (CHUNKS - 1) * CHUNK + 32)[0]
    struct.pack_into("<Q", log, 24, last + 1)
    struct.pack_into("<H", log, 42, CHUNKS)
    return bytes(log)


@functools.cache
def records(chunk: int) -> tuple[tuple[int, int], ...]:
    """Return offset in the file and size of each record of a chunk (0 is the first)."""
    log, start = sample(), HEADER + chunk * CHUNK
    found = []
    at = start + 512
    while log[at : at + 4] == b"**\0\0":
        size = struct.unpack_from("<I", log, at + 4)[0]
        found.append((at, size))
        at += size
    return tuple(found)


def overwritten(*places: tuple[int, bytes]) -> bytes:
    """Return the sample with bytes overwritten at these offsets."""
    log = bytearray(sample())
    for at, content in places:
        log[at : at + len(content)] = content
    assert len(log) == len(sample())
    return bytes(log)
