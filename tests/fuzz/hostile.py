"""Batches as a hostile device may send them: whatever the codec takes, with every column full of what is odd.

Content is pieces: a head, and a frame as it lies in stream 1. The frames are made below `codec.encode`, which would not
write all of it.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import zstandard

from carecordon.model.batch import UNKNOWN
from carecordon.model.stream import Entry, Part
from carecordon.telemetry.columns import COLUMNS
from carecordon.telemetry.store import DAY
from tests.fuzz.mutate import mutated

SENDERS = ("5e" * 16, "0f" * 16, "77" * 16, "de" * 16)
"""A device, a forwarder, one enrolled under the first one's name, and one that nobody knows."""
RECEIVED = time.time_ns() // DAY * DAY
"""Today: a store forgets what is a month old."""
_HEAD = struct.Struct("<IBBB")
"""Length of the frame, number of the sender, rows left out in front and behind."""
_FRAME = zstandard.ZstdCompressor(level=1)
_LOW, _HIGH = -(1 << 63), (1 << 63) - 1
_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_TEXTS = (
    "", "\0", " ", "a", "A", "-", "0", "7", "-7", "007", "-0", "1e5", "nan", "true", "null", "[]", '{"a":1}', "\x1b[2J",
    "\u202e", "\ufeff", "\ufffd", "K\u00f6ln", "\u0661", "\U0001f600", "\n", "\\", '"', "%", "*", "?", "mischief",
    "C:\\Windows\\System32\\cmd.exe", "powershell -enc QUJD", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "0x1f", "SHA1=AA,MD5=bb", "{00000000-0000-0000-0000-000000000001}", "a" * 127, "b" * 128,
    "ward-7", "WARD-7.example.org", "192.0.2.7", "2026-11-20 09:00:00.123", "x,y;z\r\n", "\x7f\x80\x9f",
)  # fmt: skip
_NUMBERS = (
    *(0, 1, -1, 2, 3, 22, 42, 127, 128, 255, 256, 4688, 65_535, 65_536, -(1 << 31), (1 << 31) - 1, (1 << 32) - 1),
    *(1 << 53, _LOW, _LOW + 1, _HIGH, _HIGH + 1, (1 << 64) - 1),
)
_FLOATS = (0.0, -0.0, 1.0, 1.5, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"), float(1 << 63))
_SCALARS: tuple[Any, ...] = (*_TEXTS, *_NUMBERS, *_FLOATS, True, False, None)
_KINDS: tuple[Any, ...] = (
    [_SYSMON, "Microsoft-Windows-Sysmon", 1, None],
    [_SYSMON, "Microsoft-Windows-Sysmon", 3, None],
    ["Security", "Microsoft-Windows-Security-Auditing", 4688, None],
    ["Security", "Microsoft-Windows-Security-Auditing", 4624, None],
    [None, None, None, None],
    ["", "", 0, ["", "", ""]],
    [None, None, None, [None, None, None]],
    [None, None, None, ["windows", "process_creation", None]],
    ["\0", "\u202e", _LOW, ["linux", None, "auditd"]],
    ["Security", None, _HIGH, None],
)
_NEVER: tuple[Any, ...] = (["x", None, 1 << 63, None], ["x", None, "1", None], ["x", None, 1], ["x", 1.0, None, None])
"""Kinds that are not taken."""
_NAMES = (
    *(column.name for column in COLUMNS), "EventID", "Channel", "NewProcessName", "SubjectUserName", "Data",
    "", "\0", " ", ".", "a.b", "\u202e", "K\u00f6ln", "\U0001f600", "N" * 1_024, "n" * 127, "'", "`", '"', "\\",
)  # fmt: skip
_TIMES = (UNKNOWN, _LOW + 1, -1, 0, 1, RECEIVED, RECEIVED + (1 << 40), -(1 << 62), _HIGH, _HIGH - 1)
_ROWS = (1, 1, 1, 2, 3, 3, 8, 9, 20, 40)
_MANY = 600
"""Rows of a large batch, with as many values in a column: one in a hundred."""
_HALF_PAIR = b"\xa3\xed\xa0\x80"
"""Half of a pair as a text: no UTF-8."""


def pieces(rng: random.Random, _seeds: Sequence[bytes]) -> bytes:
    """Return one to four batches behind their heads."""
    found = b""
    for _ in range(rng.choice((1, 1, 2, 4))):
        raw = batch(rng)
        if rng.randrange(12) == 0:
            raw = mutated(rng, [raw])
        frame = _FRAME.compress(raw)
        cut = (0, 0) if rng.randrange(3) else (rng.randrange(3), rng.randrange(3))
        found += _HEAD.pack(len(frame), rng.randrange(len(SENDERS)), *cut) + frame
    return found


def seeds() -> tuple[bytes, ...]:
    """Return one such content, for the whole ways once: each input is made anew."""
    return (pieces(random.Random(1), ()),)


def entries(content: bytes) -> Iterator[Entry]:
    """Yield the pieces as the entries of stream 1 that they would lie in; their numbers follow from what they hold."""
    at = number = 0
    while at + _HEAD.size <= len(content):
        length, sender, skip, drop = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        frame = content[at : at + length]
        at += length
        number += 1
        rows = _rows_of(frame)
        first = 1_000 * number
        if skip + drop >= rows:
            skip = drop = 0
        part = Part(SENDERS[sender % len(SENDERS)], number, first, first + max(1, rows) - 1, frame)
        yield Entry(number, RECEIVED + number, skip, part, drop)


def _rows_of(frame: bytes) -> int:
    """Return how many rows a frame says that it has; where it cannot be said, one."""
    try:
        kind = msgspec.msgpack.decode(zstandard.decompress(frame))[2]
    except Exception:  # noqa: BLE001  # the frame is garbage, as is meant
        return 1
    return len(kind) // 4 if isinstance(kind, bytes) else 1


def batch(rng: random.Random) -> bytes:
    """Return a batch as it is before packing; about one in eight is one that no codec may take."""
    rows = rng.choice(_ROWS) if rng.randrange(100) else _MANY
    kinds = [rng.choice(_KINDS) for _ in range(rng.choice((1, 1, 2, 4)))]
    devices = [rng.choice(("ward-7", None, *_TEXTS)) for _ in range(rng.choice((1, 1, 2, 3)))]
    names = rng.sample(_NAMES, rng.randrange(9))
    columns = [_column(rng, rows) for _ in names]
    values = [msgspec.Raw(packed) for packed, _ in columns]
    index = [one for _, line in columns for one in line]
    whole = [
        1,
        kinds,
        _packed("i", [rng.randrange(len(kinds)) for _ in range(rows)]),
        devices,
        _packed("i", [rng.randrange(len(devices)) for _ in range(rows)]),
        _packed("q", [rng.choice(_TIMES) for _ in range(rows)]),
        _packed("q", [rng.choice((*_TIMES, number)) for number in range(rows)]),
        names,
        _packed("i", index),
        values,
    ]
    if rng.randrange(16) == 0:
        _spoil(rng, whole)
    return msgspec.msgpack.encode(whole)


def _spoil(rng: random.Random, whole: list[Any]) -> None:
    """Do one thing that the codec must refuse."""
    _, kinds, _, devices, _, _, _, names, index, values = whole
    match rng.randrange(7):
        case 6:
            whole.append(rng.choice((None, values, b"x" * 9)))
        case 0:
            kinds.append(rng.choice(_NEVER))
        case 1 if names:
            names.append(names[0])
            values.append(values[0])
            whole[8] = index + index[: len(index) // len(names)]
        case 2 if values:
            values[-1] = msgspec.Raw(b"\x91" + _HALF_PAIR)
        case 3:
            devices.append(msgspec.Raw(_HALF_PAIR))
        case 4:
            whole[8] = index + index[:4]
        case _ if index:
            whole[8] = _packed("i", [rng.choice((-2, _HIGH >> 32, 1 << 20))]) + index[4:]


def _column(rng: random.Random, rows: int) -> tuple[bytes, list[int]]:
    """Return the values of a column, packed, and the index of each row; values come twice and stand for nothing."""
    count = rng.randrange(rows + 1) if rows < _MANY else rows
    plain = rng.randrange(2)
    values = [rng.choice(_TEXTS) if plain else _value(rng) for _ in range(min(count, 40))]
    values += [f"{rng.choice(_TEXTS)}{number}" for number in range(40, count)]
    return msgspec.msgpack.encode(values), [rng.randrange(-1, count) for _ in range(rows)]


def _value(rng: random.Random) -> Any:
    kind = rng.randrange(12)
    if kind == 0:
        return [rng.choice(_SCALARS) for _ in range(rng.choice((0, 1, 2, 5, 40)))]
    if kind == 1:
        return rng.choice(_TEXTS) * rng.choice((2, 50, 400))
    return rng.choice(_SCALARS)


def _packed(form: str, numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}{form}", *numbers)
