"""Whether SQLite, on opening, has dropped the end of its write-ahead log because it did not check: it does so silently.

Source: SQLite, Database File Format, section 4 (sqlite.org/fileformat2.html, 2025). A log that was cut off while it
was being written ends with frames that check and no commit, or with torn ones; a flipped bit looks like a torn frame.
A log that has lost whole frames at its very end looks like one that never had them: that is not seen.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

HEAD = 32
FRAME_HEAD = 24
MAGIC = 0x377F0682
"""The last bit says that checksums are of big-endian words."""
CHECKED = 256
"""Frames of an unfinished commit that are checked; a torn one stands at its beginning or was never whole."""

Sum = tuple[int, int]


class _Log(NamedTuple):
    order: str
    page: int
    salts: Sum
    check: Sum


def dropped(path: Path, frames: int) -> str | None:
    """Return what is wrong behind the first `frames` frames, which SQLite takes for whole; None where nothing is."""
    try:
        with path.open("rb") as file:
            return _dropped(file, frames)
    except FileNotFoundError:
        return None


def _dropped(file: BinaryIO, frames: int) -> str | None:
    head = file.read(HEAD)
    if not file.read(1):
        return None
    log = _log(head)
    if log is None:
        return "the head of the write-ahead log does not check: all commits in it are dropped"
    seen = _check_of(file, log, frames)
    number, broken = frames, None
    while raw := _frame_head(file, log, number):
        number += 1
        if len(raw) < FRAME_HEAD:
            return _told(number)
        _, _, *salts, one, two = struct.unpack(">6I", raw)
        if log.salts[0] != salts[0] and log.salts[1] != salts[1]:  # of an older log, or nothing at all
            broken = broken or number
            continue
        seen = _sum(log.order, raw[:8] + file.read(log.page), seen)
        if broken or tuple(salts) != log.salts or seen != (one, two):
            return _told(broken or number)
        if number - frames >= CHECKED:
            break
    return None


def _told(number: int) -> str:
    return f"frame {number} of the write-ahead log does not check: it and what is behind it is dropped"


def _log(head: bytes) -> _Log | None:
    if len(head) < HEAD:
        return None
    magic, _, page, _, *salts, one, two = struct.unpack(">8I", head)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != MAGIC or _sum(order, head[:24], (0, 0)) != (one, two):
        return None
    return _Log(order, page, (salts[0], salts[1]), (one, two))


def _check_of(file: BinaryIO, log: _Log, frames: int) -> Sum:
    """Return the checksum that the frame behind the first `frames` goes on from."""
    raw = _frame_head(file, log, frames - 1) if frames > 0 else b""
    if len(raw) < FRAME_HEAD:
        return log.check
    one, two = struct.unpack(">2I", raw[16:])
    return one, two


def _frame_head(file: BinaryIO, log: _Log, number: int) -> bytes:
    file.seek(HEAD + number * (FRAME_HEAD + log.page))
    return file.read(FRAME_HEAD)


def _sum(order: str, data: bytes, start: Sum) -> Sum:
    one, two = start
    data = data[: len(data) & ~7]
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two
