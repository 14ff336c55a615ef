"""A small batch is decoded whole: to the same events as a large one, and refused for the same reasons."""

from __future__ import annotations

from typing import Any

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carecordon.model.batch import Table
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind
from carecordon.wire import codec, frame
from tests.wire.test_codec import table_of

KINDS = (Kind("Security", "made up", 4624), Kind("System", None, 7045), Kind(None, None, None))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.tuples(st.sampled_from(["a", 1, 1.0, True, None])),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.dictionaries(st.sampled_from("ABCDE"), VALUES, max_size=4),
        st.integers(0, 1 << 62),
        st.sampled_from(["pc-1", "pc-2", None]),
    ),
    max_size=6,
)
RAW = frame.unpack(codec.encode(table_of([(KINDS[0], {"A": "x", "B": ("y", 1), "C": n}, n, "pc-1") for n in range(4)])))


def whole(table: Table) -> list[Any]:
    """Return everything that a batch says, values by type and spelling."""
    table.columns.all_values()
    return [
        (table.header(row), sorted((name, repr(value)) for name, value in table.complete(row).items()))
        for row in range(len(table))
    ]


def read(data: bytes, small_bytes: int) -> list[Any] | None:
    """Return what is decoded, None where it is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "SMALL_BYTES", small_bytes)
        try:
            return whole(codec.decode(data))
        except TheirFault:
            return None


@given(events=EVENTS)
def test_whole_or_column_by_column_it_is_the_same(events: list[Any]) -> None:
    data = codec.encode(table_of(events))
    assert codec._small(frame.unpack(data)) is not None
    assert read(data, codec.SMALL_BYTES) == read(data, 0) is not None


@settings(max_examples=400)
@given(changes=st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), min_size=1, max_size=3))
@example(changes=[(0, 0x9B)])
def test_what_is_altered_is_read_or_refused_alike(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for place, byte in changes:
        raw[place] = byte
    data = zstandard.compress(bytes(raw))
    assert read(data, codec.SMALL_BYTES) == read(data, 0)


@given(end=st.integers(0, len(RAW) - 1))
def test_what_is_cut_off_is_refused_alike(end: int) -> None:
    data = zstandard.compress(RAW[:end])
    assert read(data, codec.SMALL_BYTES) is read(data, 0) is None
