"""ClickHouse's Native format, as far as a batch needs it: columns written from dictionary codes, no row is touched.

Source: ClickHouse, "Native format" and SerializationLowCardinality (version 1, dictionary sent with the block).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_LOW_CARDINALITY_VERSION = (1).to_bytes(8, "little")
_HAS_KEYS = 1 << 9
_WIDTHS: tuple[tuple[int, int, str], ...] = ((1 << 8, 0, "<u1"), (1 << 16, 1, "<u2"), (1 << 32, 2, "<u4"))

Codes = npt.NDArray[np.int64]


def varint(number: int) -> bytes:
    """Return an unsigned number in seven bits a byte, the lowest first."""
    if number < 0x80:
        return number.to_bytes(1, "little")
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


_SHORT = tuple(length.to_bytes(1, "little") for length in range(0x80))


def text(value: bytes) -> bytes:
    """Return bytes with their length before them."""
    return _SHORT[len(value)] + value if len(value) < 0x80 else varint(len(value)) + value


def block(columns: Sequence[tuple[str, str, bytes]], rows: int) -> bytes:
    """Return a block of columns: name, type and data of each."""
    parts = [varint(len(columns)), varint(rows)]
    for name, kind, data in columns:
        parts += (text(name.encode()), text(kind.encode()), data)
    return b"".join(parts)


def low_cardinality(keys: Sequence[bytes], codes: Codes) -> bytes:
    """Return a LowCardinality column of texts (each with its length): `codes` says for each row which key it has.

    For a Nullable one, key 0 stands for null.
    """
    return _LOW_CARDINALITY_VERSION + _dictionary(keys, codes)


def strings(values: Sequence[bytes], codes: Codes) -> bytes:
    """Return a String column: the value (with its length) of each row."""
    return b"".join(map(values.__getitem__, codes.tolist()))


def maps(names: Sequence[bytes], name: Codes, values: Sequence[bytes], value: Codes, ends: Codes) -> bytes:
    """Return a Map(LowCardinality(String), String) column.

    `name` and `value` are the codes of all entries, row after row; `ends` says for each row where its entries end.
    """
    keys = _dictionary(names, name) if len(name) else b""
    return b"".join((_LOW_CARDINALITY_VERSION, ends.astype("<u8").tobytes(), keys, strings(values, value)))


def nullable_int64(numbers: npt.NDArray[np.int64], is_null: npt.NDArray[np.bool_]) -> bytes:
    """Return a Nullable(Int64) column."""
    return is_null.astype("u1").tobytes() + numbers.astype("<i8").tobytes()


def _dictionary(keys: Sequence[bytes], codes: Codes) -> bytes:
    for limit, width, kind in _WIDTHS:
        if len(keys) <= limit:
            head = np.array([width | _HAS_KEYS, len(keys)], "<u8").tobytes()
            rows = len(codes).to_bytes(8, "little")
            return b"".join((head, *keys, rows, codes.astype(kind).tobytes()))
    raise ValueError(f"{len(keys)} keys: more than a batch can have")
