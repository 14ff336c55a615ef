"""The table of events: how it is made, and how a merged batch becomes one block of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from carecordon.model.batch import ABSENT, UNKNOWN
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind, Value
from carecordon.model.merged import Merged
from carecordon.telemetry import native
from carecordon.telemetry.columns import COLUMNS, FIELDS, Storage
from carecordon.telemetry.values import EMPTY, MARKS, PLAIN, number, shape_text, write

DAY = 86_400_000_000_000
DAYS_BACK, DAYS_AHEAD = 7, 1
"""An event lies in the partition of its day, but never further from the day it was received."""
_LAST_DAY = (1 << 16) - 1
_MARK = {mark: code for code, mark in enumerate(MARKS)}
_TYPES = {column.name: column.storage.value[0] for column in COLUMNS}
_OWN = {column.name: column.storage for column in FIELDS}
_NULL = native.text(b"")

Codes = npt.NDArray[np.int64]


class Rest(NamedTuple):
    """One field in the map: its name, its values as they are kept, and for each row the value (ABSENT: none)."""

    name: str
    values: list[bytes]
    codes: npt.NDArray[np.int32]


class Marks:
    """Which values of a batch were no text, gathered field by field, and from that the shape of each row."""

    def __init__(self, rows: int) -> None:
        """Begin a batch of so many rows."""
        self._rows = rows
        self._names: list[str] = []
        self._lines: list[npt.NDArray[np.uint8]] = []

    def add(self, name: str, marks: list[str], index: npt.NDArray[np.int32]) -> None:
        """Take the marks of a field's values."""
        if any(marks):
            codes = np.array([*(_MARK[mark] for mark in marks), 0], np.uint8)  # ABSENT, -1, finds the last
            self._names.append(name)
            self._lines.append(codes[index])

    def column(self) -> bytes:
        """Return the column of shapes."""
        if not self._lines:
            return native.low_cardinality([_NULL], np.zeros(self._rows, np.int64))
        table = np.ascontiguousarray(np.array(self._lines).T)
        found, codes = np.unique(table.view(f"V{table.shape[1]}").ravel(), return_inverse=True)
        keys = [self._shape(row.tobytes()) for row in found]
        return native.low_cardinality(keys, codes.astype(np.int64))

    def _shape(self, row: bytes) -> bytes:
        marks = {name: MARKS[code] for name, code in zip(self._names, row, strict=True) if code}
        return native.text(shape_text(marks).encode())


def partition_days(time: npt.NDArray[np.int64], received: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each event the day (since 1970) of its partition."""
    arrived = received // DAY
    days = np.clip(time // DAY, arrived - DAYS_BACK, arrived + DAYS_AHEAD)
    return np.clip(days, 0, _LAST_DAY)


def block_of(merged: Merged) -> bytes:
    """Return the batch as one block in Native format, with all columns of the table.

    Raises TheirFault for a text that has no UTF-8, and for a column whose values are wrong.
    """
    made = _header(merged)
    marks = Marks(len(merged))
    columns = merged.table.columns
    rest: list[Rest] = []
    for place, name in enumerate(columns.names):
        index, values = columns.index[place], columns.values(place)
        try:
            _field(name, values, index, made, rest, marks)
        except UnicodeEncodeError as fault:
            raise TheirFault(f"{_where(merged, place)}: the field {name!r} has text that is no Unicode") from fault
    rows = len(merged)
    for column in FIELDS:
        if column.name not in made:
            made[column.name] = _ABSENT[column.storage](rows)
    made["fields"] = _map(rest, rows)
    made["shape"] = marks.column()
    return native.block([(column.name, _TYPES[column.name], made[column.name]) for column in COLUMNS], rows)


def _where(merged: Merged, place: int) -> str:
    row = int(np.flatnonzero(merged.table.columns.index[place] != ABSENT)[0])
    return f"{merged.file(row)}:{int(merged.sequence[row])}"


_ABSENT: dict[Storage, Callable[[int], bytes]] = {
    Storage.WORD: lambda rows: native.low_cardinality([_NULL], np.zeros(rows, np.int64)),
    Storage.TEXT: lambda rows: b"\0" * rows,
    Storage.NUMBER: lambda rows: b"\1" * rows + b"\0" * (8 * rows),
}


def _header(merged: Merged) -> dict[str, bytes]:
    table = merged.table
    is_timed = table.time != UNKNOWN
    time = np.where(is_timed, table.time, merged.received)
    kinds = table.kinds
    event_ids = np.array([kind.event_id or 0 for kind in kinds] or [0], np.int64)
    unnumbered = np.array([kind.event_id is None for kind in kinds] or [True], np.bool_)
    return {
        "day": partition_days(time, merged.received).astype("<u2").tobytes(),
        "time": time.astype("<i8").tobytes(),
        "is_timed": is_timed.astype("u1").tobytes(),
        "received": merged.received.astype("<i8").tobytes(),
        "sender": native.low_cardinality([native.text(s.encode()) for s in merged.senders], _codes(merged.sender)),
        "epoch": merged.epoch.astype("<i8").tobytes(),
        "sequence": merged.sequence.astype("<i8").tobytes(),
        "device": _maybe(table.devices, table.device),
        "channel": _maybe([kind.channel for kind in kinds], table.kind),
        "provider": _maybe([kind.provider for kind in kinds], table.kind),
        "event_id": native.nullable_int64(event_ids[table.kind], unnumbered[table.kind]),
        "bound": _maybe([_bound(kind) for kind in kinds], table.kind),
    }


def _bound(kind: Kind) -> str | None:
    return None if kind.bound is None else json.dumps(kind.bound, ensure_ascii=False)


def _codes(index: npt.NDArray[np.int32]) -> Codes:
    return index.astype(np.int64)


def _maybe(values: list[str | None] | tuple[str | None, ...], index: npt.NDArray[np.int32]) -> bytes:
    """Return a column of texts or nulls: key 0 is null."""
    keys = [_NULL]
    place = np.zeros(len(values) or 1, np.int64)
    for number_, value in enumerate(values):
        if value is not None:
            place[number_] = len(keys)
            keys.append(native.text(value.encode()))
    return native.low_cardinality(keys, place[index])


def _field(
    name: str,
    values: tuple[Value, ...],
    index: npt.NDArray[np.int32],
    made: dict[str, bytes],
    rest: list[Rest],
    marks: Marks,
) -> None:
    storage = _OWN.get(name)
    if storage is Storage.NUMBER:
        _number_field(name, values, index, made, rest, marks)
        return
    kept, told = _kept(values)
    if storage is None:
        marks.add(name, told, index)
        rest.append(Rest(name, kept, index))
        return
    if _NULL in kept:
        told = [EMPTY if one == _NULL and mark == PLAIN else mark for one, mark in zip(kept, told, strict=True)]
    marks.add(name, told, index)
    codes = _codes(index) + 1  # ABSENT becomes 0, which is ''
    make = native.low_cardinality if storage is Storage.WORD else native.strings
    made[name] = make([_NULL, *kept], codes)


def _number_field(
    name: str,
    values: tuple[Value, ...],
    index: npt.NDArray[np.int32],
    made: dict[str, bytes],
    rest: list[Rest],
    marks: Marks,
) -> None:
    """Keep what is a number in the column; what is none stands in the map under the same name."""
    found = [number(value) for value in values]
    numbers = np.array([*(0 if one is None else one[0] for one in found), 0], np.int64)
    nulls = np.array([*(one is None for one in found), True], np.bool_)
    made[name] = native.nullable_int64(numbers[index], nulls[index])
    told = [PLAIN if one is None else one[1] for one in found]
    if nulls[:-1].any():
        kept, others = _kept(values)
        told = [other if one is None else mark for one, mark, other in zip(found, told, others, strict=True)]
        rest.append(Rest(name, kept, np.where(nulls[index], index, ABSENT).astype(np.int32)))
    marks.add(name, told, index)


def _kept(values: tuple[Value, ...]) -> tuple[list[bytes], list[str]]:
    """Return values as texts with their lengths, and their marks."""
    if set(map(type, values)) == {str}:  # as nearly all columns are
        return [native.text(value.encode()) for value in values if isinstance(value, str)], [PLAIN] * len(values)
    written = [write(value) for value in values]
    return [native.text(one.text.encode()) for one in written], [one.mark for one in written]


def _map(rest: list[Rest], rows: int) -> bytes:
    """Return the column of the other fields.

    What is held is as much as there are entries, not fields times rows: a hostile batch has many fields that few of its
    rows carry.
    """
    there = [np.flatnonzero(one.codes != ABSENT) for one in rest]
    starts = np.cumsum([0, *(len(one.values) for one in rest)])
    none = [np.zeros(0, np.int64)]
    row = np.concatenate(there or none)
    name = np.repeat(np.arange(len(rest)), [len(at) for at in there])
    value = np.concatenate([one.codes[at] + start for one, at, start in zip(rest, there, starts, strict=False)] or none)
    order = np.argsort(row.astype(np.uint16) if rows <= 1 << 16 else row, kind="stable")  # of 16 bits in linear time
    ends = np.cumsum(np.bincount(row, minlength=rows))
    names = [native.text(one.name.encode()) for one in rest]
    values = [each for one in rest for each in one.values]
    return native.maps(names, name[order], values, value[order], ends)
