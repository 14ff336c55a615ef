"""Bytes from a hostile sender: told as their fault and nothing else, in bounded memory."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from random import Random
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import Table
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind
from carecordon.wire import codec, frame
from tests.wire.test_codec import table_of

GOOD = codec.encode(
    table_of(
        [
            (Kind("Security", "made up", 4624), {"A": "x" * 9, "B": ("y", 1), "C": number}, number, f"pc-{number % 3}")
            for number in range(20)
        ]
    )
)
RAW: bytes = frame.unpack(GOOD)
NAMES, INDEXES, VALUES = 7, 8, 9
"""Places of what a batch says of its columns."""


def pack(raw: bytes) -> bytes:
    return zstandard.compress(raw)


def read_whole(data: bytes) -> Table:
    """Return the batch after asking it for everything."""
    table = codec.decode(data)
    for row in range(len(table)):
        table.header(row)
        dict(table.complete(row))
    return table


def refuse(data: bytes) -> str:
    with pytest.raises(TheirFault) as fault:
        read_whole(data)
    return str(fault.value)


def take_or_refuse(data: bytes) -> None:
    """Read it: any exception but TheirFault fails the test."""
    with suppress(TheirFault):
        read_whole(data)


def altered(place: int, value: Any, column: int | None = None) -> bytes:
    """Return the good batch with one part of it, or what that says of one column, replaced."""
    parts = msgspec.msgpack.decode(RAW)
    if column is None:
        parts[place] = value
    elif place == INDEXES:
        parts[place] = parts[place][: 80 * column] + value + parts[place][80 * column + 80 :]
    else:
        parts[place][column] = value
    return pack(msgspec.msgpack.encode(parts))


def test_every_cut_is_refused() -> None:
    for end in range(len(GOOD)):
        refuse(GOOD[:end])
    for end in range(len(RAW)):
        refuse(pack(RAW[:end]))


def test_flipped_bits_are_taken_or_refused() -> None:
    rng = Random(20_261_125)
    for data, is_raw in ((GOOD, False), (RAW, True)):
        for _ in range(3_000):
            broken = bytearray(data)
            for _ in range(rng.randrange(1, 4)):
                broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
            take_or_refuse(pack(bytes(broken)) if is_raw else bytes(broken))


@given(st.binary(max_size=60))
def test_random_bytes_are_refused(data: bytes) -> None:
    refuse(data)
    take_or_refuse(pack(data))
    take_or_refuse(pack(b"\x9a\x01" + data))


INDEX = (20).to_bytes(4, "little")
REFUSED: list[tuple[int, Any, int | None, str]] = [
    (0, 2, None, "version 2"),
    (0, "1", None, "int"),
    (1, [["Security", None, "4624", None]], None, "int"),
    (1, [["Security", None, 4624, ["windows"]]], None, "length"),
    (1, [["Security", None, 2**63, None]], None, "int"),
    (1, [["Security", None, 2**64 - 1, None]], None, "int"),
    (1, [], None, "kind has an index out of range"),
    (2, b"\0" * 79, None, "kind has 79 bytes for 19 rows"),
    (2, b"\xff\xff\xff\xff" * 20, None, "kind has an index out of range"),
    (2, b"\x01\0\0\0" * 20, None, "kind has an index out of range"),
    (3, ["pc", 5], None, "str"),
    (3, ["pc-0"], None, "device has an index out of range"),
    (4, b"", None, "0 bytes for 20 rows"),
    (4, b"\xff\xff\xff\x7f" * 20, None, "device has an index out of range"),
    (5, b"\0" * 80, None, "time has 80 bytes for 20 rows"),
    (6, b"\0" * 161, None, "sequence has 161 bytes"),
    (NAMES, {}, None, "array"),
    (NAMES, ["A"] * 5_000, None, "length"),
    (NAMES, ["A", "B"], None, "5 columns of values and 400 bytes of indexes for 2 names and 20 rows"),
    (NAMES, "B", 0, "twice"),
    (NAMES, "N" * 2_000, 0, "length"),
    (NAMES, 5, 0, "str"),
    (INDEXES, b"\0" * 4, 0, "324 bytes of indexes for 5 names and 20 rows"),
    (INDEXES, INDEX * 20, 0, "column A has an index out of range"),
    (INDEXES, INDEX * 20, 2, "column C has an index out of range"),
    (INDEXES, b"\xfe\xff\xff\xff" * 20, 0, "column A has an index out of range"),
    (INDEXES, [], None, "bytes"),
    (VALUES, [["x"]] * 5_000, None, "length"),
    (VALUES, [["x"]] * 2, None, "2 columns of values"),
    (VALUES, [], 0, "column A has an index"),
    (VALUES, ["x", {"y": 1}], 0, "column A: "),
    (VALUES, [["x", ["y"]]], 0, "column A: "),
    (VALUES, [[{"y": 1}]], 0, "column A: "),
    (VALUES, [[0] * (codec.MAX_ITEMS + 1)], 0, "column A: a list of 65537 items"),
    (VALUES, [[0] * codec.MAX_ITEMS] * 5, 1, "327680 items in lists, at most 262144"),
    (VALUES, [b"bytes"], 0, "column A: "),
    (VALUES, [msgspec.msgpack.Ext(5, b"x")], 0, "column A: "),
    (VALUES, "text", 0, "column A: "),
    (VALUES, ["x"] * (codec.MAX_VALUES + 1), 0, "column A: "),
]


@pytest.mark.parametrize(("place", "value", "column", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_encode_never_makes_is_refused_with_its_place(
    place: int, value: Any, column: int | None, reason: str
) -> None:
    assert reason in refuse(altered(place, value, column))


def test_text_that_is_no_utf8_is_refused_where_it_stands() -> None:
    assert "utf-8" in refuse(pack(RAW.replace(b"pc-1", b"pc-\xff")))
    assert "column A" in refuse(pack(RAW.replace(b"x" * 9, b"\xed\xa0\x80" * 3)))


def test_nesting_is_bounded() -> None:
    deep = msgspec.Raw(b"\x91" * 200_000 + b"\xc0")
    refuse(pack(b"\x91" * 200_000 + b"\xc0"))
    refuse(altered(NAMES, deep))
    refuse(altered(VALUES, deep))
    refuse(altered(VALUES, deep, 0))


def test_what_follows_the_batch_is_refused() -> None:
    refuse(GOOD + b"x")
    refuse(GOOD + GOOD)
    refuse(pack(RAW + b"\xc0"))
    assert "more elements" in refuse(pack(b"\x9b" + RAW[1:] + b"\xc0"))
    assert "more elements" in refuse(pack(b"\xdc\x00\x0b" + RAW[1:] + b"\xc0"))
    assert "version" not in refuse(pack(RAW[:-1]))


def peak_of(data: bytes) -> int:
    """Return how many bytes reading these takes at the most."""
    tracemalloc.start()
    try:
        take_or_refuse(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_packed_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MAX_PACKED", len(GOOD) - 1)
    assert "send smaller batches" in refuse(GOOD)


def test_sizes_are_checked_before_anything_is_unpacked() -> None:
    bomb = pack(bytes(frame.MAX_UNPACKED + 1))
    assert "send smaller batches" in refuse(bomb)
    assert peak_of(bomb) < 1024 * 1024
    ratio = pack(bytes(frame.MAX_UNPACKED))
    assert "send smaller batches" in refuse(ratio)
    assert peak_of(ratio) < 1024 * 1024
    unsaid = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1000))
    assert "send smaller batches" in refuse(unsaid)


@pytest.mark.parametrize(
    "raw",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\x9a\x01\xdd\xff\xff\xff\xff" + b"\xc0" * 100,
        b"\x9a\x01\x90\xc6\xff\xff\xff\xff",
        RAW[:1] + b"\x01\xdb\xff\xff\xff\xff",
    ],
)
def test_claimed_sizes_are_not_believed(raw: bytes) -> None:
    refuse(pack(raw))
    assert peak_of(pack(raw)) < 1024 * 1024


def test_values_that_no_row_needs_are_not_built() -> None:
    """A million nulls in a column of twenty rows would be eight bytes each."""
    many = altered(VALUES, msgspec.Raw(b"\xdd\x00\x10\x00\x00" + b"\xc0" * (1 << 20)), 0)
    assert peak_of(many) < 4 * 1024 * 1024


def test_items_of_lists_that_are_too_many_are_not_built() -> None:
    """A short text is two bytes on the wire and sixty in memory: lists of one batch could hold 16 MiB of them."""
    for lists, items in ((1, 2_000_000), (12, codec.MAX_ITEMS)):
        texts = bytearray(b"\xa1" * (2 * items))
        texts[1::2] = bytes(byte & 0x7F for byte in Random(7).randbytes(items))
        column = bytes([0x90 | lists]) + (b"\xdd" + items.to_bytes(4, "big") + texts) * lists
        many = altered(VALUES, msgspec.Raw(column), 2)
        assert "item" in refuse(many)
        assert peak_of(many) < 4 * len(column) + (1 << 20)


def test_lists_of_all_columns_count_together() -> None:
    half = [[0] * codec.MAX_ITEMS] * 2
    parts = msgspec.msgpack.decode(RAW)
    parts[VALUES][0] = parts[VALUES][1] = half
    table = codec.decode(pack(msgspec.msgpack.encode(parts)))
    assert [len(table.columns.values(place)[0]) for place in range(2)] == [codec.MAX_ITEMS] * 2  # type: ignore[arg-type]  # the values there are lists
    parts[VALUES][2][0] = [0]
    assert "262145 items in lists" in refuse(pack(msgspec.msgpack.encode(parts)))


def test_short_lists_count_wherever_the_long_ones_stand() -> None:
    short, long = [[0] * codec.SHORT_LIST] * 20, [[0] * codec.MAX_ITEMS] * 3 + [[0] * (codec.MAX_ITEMS - 299)]
    for first, last in ((short, long), (long, short)):
        parts = msgspec.msgpack.decode(RAW)
        parts[VALUES][0], parts[VALUES][1] = first, last
        assert "262145 items in lists" in refuse(pack(msgspec.msgpack.encode(parts)))


def test_bytes_that_only_look_like_lists_are_none() -> None:
    """Letters beyond ASCII are written with the bytes that lists begin with."""
    text = "\u0450\u0451\u045c" * 40_000
    parts = msgspec.msgpack.decode(RAW)
    parts[VALUES][0] = [text]
    assert codec.decode(pack(msgspec.msgpack.encode(parts))).columns.values(0) == (text,)


def test_no_column_has_more_values_than_rows_and_all_together_no_more_than_so_many() -> None:
    """A byte on the wire may be a value, and that fifty bytes here: all columns' values used to be bounded singly."""
    assert "column A: 21 values for 20 rows" in refuse(altered(VALUES, ["x"] * 21, 0))
    nothing = msgspec.msgpack.decode(RAW)
    rows, columns = codec.MAX_ROWS, 5
    nothing[1], nothing[3] = [[None, None, None, None]], [None]
    nothing[2] = nothing[4] = bytes(4 * rows)
    nothing[5] = nothing[6] = Random(7).randbytes(8 * rows)
    nothing[NAMES], nothing[INDEXES] = [f"F{place}" for place in range(columns)], bytes(4 * rows * columns)
    nothing[VALUES] = [msgspec.Raw(b"\xdd" + rows.to_bytes(4, "big") + b"\xc0" * rows)] * columns
    packed = pack(msgspec.msgpack.encode(nothing))
    assert "values, at most" in refuse(packed)
