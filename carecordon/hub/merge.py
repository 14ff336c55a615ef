"""Many devices' batches made one: their dictionaries are joined, no row is looked at by itself.

Theory. A column of a batch is its distinct values and an index a row. To join columns of one
name, each distinct value gets one number over all batches; an index is then the old one
looked up in a table from old numbers to new. An average device sends one to three rows at a
time, so the work is one step a column of a batch, and must stay small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from carecordon.model.batch import ABSENT, Buffer, Columns, Table
from carecordon.model.event import Value
from carecordon.model.gather import told_apart
from carecordon.model.merged import Merged

_NONE = np.zeros(0, np.int32)
SMALL = 8
"""Rows up to which an index is looked up one by one; beyond, numpy pays."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One decoded batch with its envelope: who sent it, its epoch, the number of its first row, when it came (UTC ns).

    `name`: the machine that every row is of, whatever they say themselves; None: each row says it.
    """

    table: Table
    sender: str
    epoch: int
    first: int
    received: int
    name: str | None


class _Column:
    """One column over all batches: its values so far, and the numbers of those."""

    __slots__ = ("_at", "_codes", "_index", "numbers", "raws", "values")

    def __init__(self, rows: int) -> None:
        self._index = np.full(rows, ABSENT, np.int32)
        self._at: list[int] = []
        self._codes: list[int] = []
        self.numbers: dict[Any, int] = {}
        self.values: list[Value] = []
        self.raws: list[Buffer] = []
        """Bytes in which every text among the values stands as it is."""

    def put(self, row: int, code: int) -> None:
        """Let a row have a value, by its number."""
        self._at.append(row)
        self._codes.append(code)

    def put_all(self, at: int, end: int, codes: npt.NDArray[np.int32]) -> None:
        """Let the rows from `at` to before `end` have these."""
        self._index[at:end] = codes

    def index(self) -> npt.NDArray[np.int32]:
        """Return the number of each row's value."""
        self._index[self._at] = self._codes
        return self._index

    def renumber(self, values: Sequence[Value]) -> list[int]:
        """Return the numbers of these values, new ones made where need be."""
        numbers = self.numbers
        found = []
        for value in values:
            key = value if type(value) is str else told_apart(value)
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(self.values)
                self.values.append(value)
            found.append(number)
        return found


def merge(batches: Sequence[Sent]) -> Merged:
    """Return the batches as one, in their order. Raises TheirFault where a column cannot be decoded."""
    rows = sum(len(one.table) for one in batches)
    columns: dict[str, _Column] = {}
    kinds: dict[Any, int] = {}
    devices: dict[str | None, int] = {}
    senders: dict[str, int] = {}
    kind, device = np.empty(rows, np.int32), np.empty(rows, np.int32)
    sender, time = np.empty(rows, np.int32), np.empty(rows, np.int64)
    epoch, sequence, received = (np.empty(rows, np.int64) for _ in range(3))
    at = 0
    for one in batches:
        table, end = one.table, at + len(one.table)
        kind[at:end] = _renumbered(table.kind, [kinds.setdefault(each, len(kinds)) for each in table.kinds])
        if one.name is None:
            device[at:end] = _renumbered(
                table.device, [devices.setdefault(each, len(devices)) for each in table.devices]
            )
        else:
            device[at:end] = devices.setdefault(one.name, len(devices))
        sender[at:end] = senders.setdefault(one.sender, len(senders))
        time[at:end] = table.time
        epoch[at:end], received[at:end] = one.epoch, one.received
        sequence[at:end] = np.arange(one.first, one.first + len(table))
        _join(columns, table.columns, at, end, rows)
        at = end
    raws: list[Buffer] | None = None
    if all(_has_raws(one) for one in batches):
        raws = [b"\n".join(column.raws) for column in columns.values()]
    table = Table(
        tuple(kinds),
        kind,
        tuple(devices),
        device,
        time,
        np.arange(rows, dtype=np.int64),
        _columns(columns, rows, raws),
        None if raws is None else b"\n".join(raws),
    )
    return Merged(table, tuple(senders), sender, epoch, sequence, received)


def joined(parts: Sequence[Merged]) -> Merged:
    """Return merged batches as one, in their order; one alone is itself."""
    if len(parts) == 1:
        return parts[0]
    rows = sum(map(len, parts))
    columns: dict[str, _Column] = {}
    kinds: dict[Any, int] = {}
    devices: dict[Any, int] = {}
    senders: dict[Any, int] = {}
    kind, device, sender = [], [], []
    at = 0
    for part in parts:
        table = part.table
        kind.append(_renumbered(table.kind, _numbers(kinds, table.kinds)))
        device.append(_renumbered(table.device, _numbers(devices, table.devices)))
        sender.append(_renumbered(part.sender, _numbers(senders, part.senders)))
        _join(columns, table.columns, at, at + len(table), rows)
        at += len(table)
    table = Table(
        tuple(kinds),
        np.concatenate(kind or [_NONE]),
        tuple(devices),
        np.concatenate(device or [_NONE]),
        _laid([part.table.time for part in parts]),
        np.arange(rows, dtype=np.int64),
        _columns(columns, rows),
    )
    return Merged(
        table,
        tuple(senders),
        np.concatenate(sender or [_NONE]),
        _laid([part.epoch for part in parts]),
        _laid([part.sequence for part in parts]),
        _laid([part.received for part in parts]),
    )


def picked(merged: Merged, rows: Sequence[int]) -> Merged:
    """Return some rows of a merged batch as one of their own, in this order; their values are shared."""
    at = np.array(rows, np.int64)
    part = some(merged.table, at)
    return Merged(part, merged.senders, merged.sender[at], merged.epoch[at], merged.sequence[at], merged.received[at])


def some(table: Table, rows: npt.NDArray[np.int64]) -> Table:
    """Return these rows of a table as one of their own, numbered anew from 0; their values are shared."""
    columns = table.columns
    return Table(
        table.kinds,
        table.kind[rows],
        table.devices,
        table.device[rows],
        table.time[rows],
        np.arange(len(rows), dtype=np.int64),
        Columns(columns.names, columns.index[:, rows], columns.values, columns.raws),
        table.text,
    )


def _has_raws(one: Sent) -> bool:
    return one.table.columns.raws is not None


def _join(columns: dict[str, _Column], part: Columns, at: int, end: int, rows: int) -> None:
    """Write a batch's columns into those of all, at rows `at` to `end`."""
    is_small = end - at <= SMALL
    lists = part.index.tolist() if is_small else None
    for place, (name, values) in enumerate(zip(part.names, part.all_values(), strict=True)):
        column = columns.get(name)
        if column is None:
            column = columns[name] = _Column(rows)
        before = len(column.values)
        numbers = column.renumber(values)
        if part.raws is not None and len(column.values) > before:
            column.raws.append(part.raws[place])
        if lists is None:
            column.put_all(at, end, _renumbered(part.index[place], numbers))
        else:
            for row, old in enumerate(lists[place], at):
                if old != ABSENT:
                    column.put(row, numbers[old])


def _columns(columns: dict[str, _Column], rows: int, raws: list[Buffer] | None = None) -> Columns:
    """Return the columns as a table has them."""
    values = [tuple(column.values) for column in columns.values()]
    index = np.array([column.index() for column in columns.values()], np.int32).reshape(len(columns), rows)
    return Columns(tuple(columns), index, values.__getitem__, raws)


def _numbers(known: dict[Any, int], values: Sequence[Any]) -> list[int]:
    return [known.setdefault(each, len(known)) for each in values]


def _laid(parts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return arrays one behind the other."""
    return np.concatenate(parts or [np.zeros(0, np.int64)])


def _renumbered(index: npt.NDArray[np.int32], numbers: list[int]) -> npt.NDArray[np.int32]:
    """Return an index by new numbers; what was absent (-1, the last place of the table) stays so."""
    return np.array([*numbers, ABSENT], np.int32)[index]
