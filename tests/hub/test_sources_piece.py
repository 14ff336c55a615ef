"""What is known of sources reads back as it was written; what was changed in between is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from carecordon.hub.worker.sources_piece import LAST, LAYOUT, SENDER, SOURCE, Piece, decode, encode
from carecordon.model.errors import TheirFault

U32 = st.integers(0, LAST)


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    texts = st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True).map(tuple)
    ids, channels, names = draw(texts), draw(texts), draw(texts)
    senders = np.array([tuple(draw(U32) for _ in SENDER.names or ()) for _ in ids], SENDER)
    ends = (len(ids), len(channels), len(names))
    sources = [
        (*(draw(st.integers(0, end - 1)) for end in ends), *(draw(U32) for _ in range(4)), draw(st.booleans()))
        for _ in range(draw(st.integers(0, 4)))
    ]
    return Piece(ids, channels, names, senders, np.array(sources, SOURCE))


@given(pieces())
def test_what_is_written_reads_back(piece: Piece) -> None:
    back = decode(encode(piece))
    assert (back.ids, back.channels, back.names) == (piece.ids, piece.channels, piece.names)
    assert back.senders.tolist() == piece.senders.tolist()
    assert back.sources.tolist() == piece.sources.tolist()


ONE = Piece(("5e",), ("Security",), ("pc",), np.zeros(1, SENDER), np.zeros(2, SOURCE))


def test_every_byte_that_is_another_one_is_seen() -> None:
    data = encode(ONE)
    for place in range(len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[place] ^= 1 << bit
            try:
                back = decode(bytes(broken))
            except (TheirFault, msgspec.DecodeError):
                continue
            assert back.sources.tolist() == ONE.sources.tolist(), "a bit of the frame that means nothing"
    for end in range(len(data)):
        with pytest.raises((TheirFault, msgspec.DecodeError)):
            decode(data[:end])


SIZE = bytes(SENDER.itemsize)


def test_what_an_older_release_wrote_is_taken_over() -> None:
    senders = b"".join(number.to_bytes(4, "little") for number in (300, 7_000, 2, 0))
    back = decode(record(1, ["5e"], ["Security"], ["pc"], senders, bytes(SOURCE.itemsize)))
    (sender,) = back.senders
    assert [sender[name].item() for name in ("awake", "spoke", "idle", "piece", "seen")] == [300, 7_000, 2, 0, 7_000]
    assert [sender[name].item() for name in ("heard", "since", "said", "times", "longest")] == [0] * 5
    assert not sender["is_silent"]


def record(*parts: object) -> bytes:
    return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(parts))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (record(LAYOUT + 1, ["5e"], ["x"], ["x"], SIZE, b""), "layout"),
        (record(LAYOUT, ["5e"], ["x"], ["x"], SIZE[1:], b""), "cut off"),
        (record(LAYOUT, ["5e"], ["x"], ["x"], b"", b""), "fit together"),
        (record(LAYOUT, ["5e"], [], ["x"], SIZE, bytes(29)), "fit together"),
        (record(LAYOUT, [5], ["x"], ["x"], SIZE, b""), "Expected `str`"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(b"x"), "no size"),
        (b"", "sources: "),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes, why: str) -> None:
    with pytest.raises((TheirFault, msgspec.DecodeError), match=why):
        decode(data)
