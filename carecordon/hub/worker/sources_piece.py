"""What is known of the sources of some senders, as one record: small, and refused where it does not read back whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from carecordon.model.errors import TheirFault

LAYOUT = 2
MOST_BYTES = 64 * 1024 * 1024
"""What a record may unfold to."""
LAST = 2**32 - 1
_FORMER = 1
_FORMER_NAMES = ("awake", "spoke", "idle", "piece")
_FORMER_SENDER = np.dtype([(name, "<u4") for name in _FORMER_NAMES])
"""Of releases that did not know of senders that are there and say nothing."""
SENDER = np.dtype(
    [
        *((name, "<u4") for name in (*_FORMER_NAMES, "heard", "seen", "since", "said", "times", "longest")),
        ("is_silent", "?"),
    ]
)
"""Seconds awake in all, when it last spoke (UTC s, 0 never), hours it said nothing, the piece that it is in; seconds
that it was there in all, when it last was (UTC s, 0 never), how many of them when it first and last spoke, how often it
did, and for how many at most it did not; whether it is there and has fallen silent."""
SOURCE = np.dtype(
    [(name, "<u4") for name in ("owner", "channel", "name", "since", "at", "last", "times")] + [("is_quiet", "?")]
)
"""Places of sender, channel and device name; seconds its sender was awake when it was first and last heard; when it
was last heard (UTC s); how often; whether it is quiet."""
_Column = npt.NDArray[np.uint32]


@dataclass(slots=True)
class Words:
    """Texts, each once."""

    texts: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def find(self, text: str) -> int | None:
        """Return the place of a text that is known."""
        return self._places.get(text)

    def place(self, text: str) -> int:
        """Return the place of a text."""
        place = self._places.setdefault(text, len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        return place

    def all(self, texts: Iterable[str]) -> _Column:
        """Return the places of these texts."""
        return np.array([self.place(text) for text in texts], np.uint32)

    def some(self, places: _Column) -> tuple[str, ...]:
        """Return the texts at these places, each once, and let the places be theirs among them."""
        used, places[:] = np.unique(places, return_inverse=True)
        return tuple(self.texts[place] for place in used.tolist())


@dataclass(frozen=True, slots=True)
class Piece:
    """Some senders and their sources. `owner`, `channel` and `name` of a source are places in these tuples."""

    ids: tuple[str, ...]
    channels: tuple[str, ...]
    names: tuple[str, ...]
    senders: npt.NDArray[Any]
    sources: npt.NDArray[Any]


class _Record(msgspec.Struct, frozen=True, array_like=True):
    layout: int
    ids: tuple[str, ...]
    channels: tuple[str, ...]
    names: tuple[str, ...]
    senders: bytes
    sources: bytes


_RECORD = msgspec.msgpack.Decoder(_Record)


def encode(piece: Piece) -> bytes:
    """Return a piece as a record."""
    senders, sources = _by_column(piece.senders), _by_column(piece.sources)
    record = _Record(LAYOUT, piece.ids, piece.channels, piece.names, senders, sources)
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(msgspec.msgpack.encode(record))


def decode(data: bytes) -> Piece:
    """Return the piece of a record. Raises TheirFault or msgspec.DecodeError where it is none."""
    try:
        if not 0 <= zstandard.frame_content_size(data) <= MOST_BYTES:
            raise TheirFault("sources: it says no size, or too large a one")
        plain = zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as fault:
        raise TheirFault(f"sources: {fault}") from fault
    record = _RECORD.decode(plain)
    if record.layout not in (_FORMER, LAYOUT):
        raise TheirFault(f"sources: layout {record.layout}, this program knows {_FORMER} and {LAYOUT}")
    senders = _from_columns(record.senders, SENDER if record.layout == LAYOUT else _FORMER_SENDER)
    if record.layout == _FORMER:
        senders = _taken_over(senders)
    sources = _from_columns(record.sources, SOURCE)
    borders = {"owner": len(record.ids), "channel": len(record.channels), "name": len(record.names)}
    if len(senders) != len(record.ids) or any((sources[name] >= end).any() for name, end in borders.items()):
        raise TheirFault("sources: its columns do not fit together")
    return Piece(record.ids, record.channels, record.names, senders, sources)


def _taken_over(former: npt.NDArray[Any]) -> npt.NDArray[Any]:
    senders = np.zeros(len(former), SENDER)
    for name in _FORMER_NAMES:
        senders[name] = former[name]
    senders["seen"] = former["spoke"]
    return senders


def _by_column(table: npt.NDArray[Any]) -> bytes:
    """Return a table column by column: what is alike stands together, and packs better."""
    return b"".join(table[name].tobytes() for name in table.dtype.names or ())


def _from_columns(data: bytes, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    count, rest = divmod(len(data), kind.itemsize)
    if rest:
        raise TheirFault("sources: a column is cut off")
    table = np.zeros(count, kind)
    start = 0
    for name in kind.names or ():
        end = start + count * kind[name].itemsize
        table[name] = np.frombuffer(data[start:end], kind[name])
        start = end
    return table
