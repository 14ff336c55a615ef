"""A group comes back as it was written, and no flipped bit in it or beside it goes unseen."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.stream import Entry
from carecordon.stream.frame import Broken, Head, Row, read_group, read_heads, seal, unseal, write_heads
from carecordon.stream.partition import partition_of

LARGE = st.integers(0, (1 << 63) - 1)
ROWS = st.builds(Row, st.integers(0, 1_023), st.integers(1, 1 << 47), LARGE, LARGE, LARGE)
PARTS = st.lists(
    st.tuples(st.text(min_size=1, max_size=9), LARGE, st.integers(0, 99), st.binary(max_size=40)), max_size=4
)


def group_of(parts: list[tuple[str, int, int, bytes]]) -> tuple[list[Head], bytes]:
    heads, whole = [], b""
    for sender, epoch, first, data in parts:
        heads.append(Head(sender, epoch, first, first + 9, 1, 2, len(whole), len(data), zlib.crc32(data)))
        whole += data
    return heads, whole


@given(ROWS, PARTS)
def test_a_group_comes_back_as_it_was_written(row: Row, parts: list[tuple[str, int, int, bytes]]) -> None:
    heads, whole = group_of(parts)
    came = list(read_group(row, write_heads(row, heads), whole))
    assert [
        (one.part.sender, one.part.epoch, one.part.first, one.part.data) for one in came if isinstance(one, Entry)
    ] == parts
    assert all(isinstance(one, Entry) and (one.skip, one.drop, one.position) == (1, 2, row.position) for one in came)


@given(ROWS, PARTS.filter(bool), st.data())
def test_no_flipped_bit_goes_unseen(row: Row, parts: list[tuple[str, int, int, bytes]], data: st.DataObject) -> None:
    heads, whole = group_of(parts)
    sealed = write_heads(row, heads)
    at = data.draw(st.integers(0, 8 * (len(sealed) + len(whole)) - 1))
    flipped = bytearray(sealed + whole)
    flipped[at // 8] ^= 1 << at % 8
    came = list(read_group(row, bytes(flipped[: len(sealed)]), bytes(flipped[len(sealed) :])))
    assert sum(isinstance(one, Broken) for one in came) == 1
    assert read_heads(row._replace(size=row.size ^ 1), sealed) is None
    assert read_heads(row._replace(position=row.position ^ 1), sealed) is None


def test_what_is_sealed_belongs_to_what_it_is_about() -> None:
    assert unseal(b"a", seal(b"a", b"data")) == b"data"
    for other in (seal(b"b", b"data"), b"", b"abc", b"\0\0\0\0data", None, "text"):
        assert unseal(b"a", other) is None


def test_a_sender_s_partition_is_the_same_in_every_release() -> None:
    """These must never change: a log would look for a sender's marks in another partition."""
    assert [partition_of(sender, 8) for sender in ("ward-pc-07", "theatre-3", "Köln", "0")] == [6, 2, 0, 5]
