"""A reader of ClickHouse's Native format, written from its description alone, to hold our writer against.

Source: ClickHouse, "Native format"; SerializationLowCardinality; SerializationMap.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from carecordon.telemetry.columns import FIELDS

_HEADER = ("time", "is_timed", "received", "sender", "epoch", "sequence", "device", "channel", "provider", "event_id")
_ORDER = (*_HEADER, "bound", *(column.name for column in FIELDS), "fields", "shape")
"""As `restore.SELECTED` asks for them."""


def rows_of(block: bytes) -> list[list[Any]]:
    """Return the rows of a block of events, as a question for `restore.SELECTED` would give them."""
    reader = _Reader(block)
    count, rows = reader.varint(), reader.varint()
    columns: dict[str, list[Any]] = {}
    for _ in range(count):
        name, kind = reader.text().decode(), reader.text().decode()
        columns[name] = _KINDS[kind](reader, rows)
        assert len(columns[name]) == rows, f"{name} has {len(columns[name])} of {rows} rows"
    assert reader.at == len(block), "something follows the last column"
    return [list(row) for row in zip(*(columns[name] for name in _ORDER), strict=True)]


def column_of(kind: str, data: bytes, rows: int) -> list[Any]:
    """Return a column by itself."""
    reader = _Reader(data)
    found = _KINDS[kind](reader, rows)
    assert reader.at == len(data), "something follows the column"
    return found


class _Reader:
    """Bytes, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        found = self._data[self.at : self.at + size]
        assert len(found) == size, "the block ends too early"
        self.at += size
        return found

    def varint(self) -> int:
        number = shift = 0
        while True:
            (byte,) = self.take(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def text(self) -> bytes:
        return self.texts(1)[0]

    def texts(self, count: int) -> list[bytes]:
        data, at, found = self._data, self.at, []
        for _ in range(count):
            length = data[at]
            at += 1
            if length >= 0x80:
                self.at = at - 1
                length, at = self.varint(), self.at
            found.append(data[at : at + length])
            at += length
        assert at <= len(data), "the block ends too early"
        self.at = at
        return found

    def numbers(self, form: str, rows: int) -> list[int]:
        form = f"<{rows}{form}"
        return list(struct.unpack(form, self.take(struct.calcsize(form))))


def _numbers(form: str) -> Callable[[_Reader, int], list[Any]]:
    return lambda reader, rows: reader.numbers(form, rows)


def _strings(reader: _Reader, rows: int) -> list[Any]:
    return list(map(bytes.decode, reader.texts(rows)))


def _nullable_int64(reader: _Reader, rows: int) -> list[Any]:
    nulls = reader.numbers("B", rows)
    return [None if null else number for null, number in zip(nulls, reader.numbers("q", rows), strict=True)]


def _keyed(reader: _Reader, rows: int, *, is_nullable: bool) -> list[Any]:
    """Return a LowCardinality column behind its version: no rows, no dictionary."""
    if not rows:
        return []
    (kind,) = reader.numbers("Q", 1)
    assert kind & ~0xFF == 1 << 9, "additional keys only, as Native has them"
    (count,) = reader.numbers("Q", 1)
    keys = _strings(reader, count)
    if is_nullable:
        keys[0] = None
    (indexes,) = reader.numbers("Q", 1)
    assert indexes == rows
    return [keys[place] for place in reader.numbers("BHIQ"[kind & 0xFF], rows)]


def _low_cardinality(*, is_nullable: bool) -> Callable[[_Reader, int], list[Any]]:
    def read(reader: _Reader, rows: int) -> list[Any]:
        assert reader.numbers("Q", 1) == [1]
        return _keyed(reader, rows, is_nullable=is_nullable)

    return read


def _map(reader: _Reader, rows: int) -> list[Any]:
    assert reader.numbers("Q", 1) == [1]
    ends = reader.numbers("Q", rows)
    total = ends[-1] if ends else 0
    keys = _keyed(reader, total, is_nullable=False)
    values = _strings(reader, total)
    starts = [0, *ends][:rows]
    found = [
        dict(zip(keys[start:end], values[start:end], strict=True)) for start, end in zip(starts, ends, strict=True)
    ]
    assert sum(map(len, found)) == total, "a row has a name twice"
    return found


_KINDS: dict[str, Callable[[_Reader, int], list[Any]]] = {
    "LowCardinality(String)": _low_cardinality(is_nullable=False),
    "LowCardinality(Nullable(String))": _low_cardinality(is_nullable=True),
    "String": _strings,
    "Nullable(Int64)": _nullable_int64,
    "Int64": _numbers("q"),
    "DateTime64(9, 'UTC')": _numbers("q"),
    "Date": _numbers("H"),
    "Bool": _numbers("?"),
    "Map(LowCardinality(String), String)": _map,
}
