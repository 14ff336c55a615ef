"""Many devices' batches made one: their dictionaries are joined, no row is looked at by itself.

Theory. A column of a batch is its distinct values and an index a row. To join columns of one name, each distinct value
gets one number over all batches; an index is then the old one looked up in a table from old numbers to new. An average
device sends one to three rows at a time, so nothing is done a column of a batch: what came is laid side by side, and
numbered in one go at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from carecordon.model.batch import ABSENT, Columns, Table
from carecordon.model.event import Value
from carecordon.model.gather import told_apart
from carecordon.model.merged import Merged

_NONE = np.zeros(0, np.int32)
_NO_COLUMNS = np.zeros(0, np.int64)
MIXTURES = 1_000
"""Sets of names that are kept in mind."""
SMALL = 4_096
"""Cells up to which a batch is small; the lines of larger ones are looked up one by one, which takes less memory."""


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


class _Whole:
    """All columns over all batches. A line is a column of one batch."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        """The column of each name."""
        self._known: dict[tuple[str, ...], npt.NDArray[np.int64]] = {}
        """The columns of batches by all their names: few kinds of events make most batches."""
        self._columns: list[npt.NDArray[np.int64]] = []
        """The columns of each batch,"""
        self._values: list[Sequence[tuple[Value, ...]]] = []
        """the values in each of its lines,"""
        self._index: list[tuple[int, npt.NDArray[np.int32]]] = []
        """and where its rows begin, with their index."""

    def add(self, part: Columns, at: int) -> None:
        """Add a batch's columns, whose rows stand from `at` on."""
        self._columns.append(self._named(part.names))
        self._values.append(part.all_values())
        self._index.append((at, part.index))

    def _named(self, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Return the columns of these names."""
        found = self._known.get(names)
        if found is None:
            places = self._places
            found = np.array([places.setdefault(name, len(places)) for name in names], np.int64)
            if len(self._known) < MIXTURES:
                self._known[names] = found
        return found

    def columns(self, rows: int, *, has_raws: bool) -> Columns:
        """Return all of it as a table of so many rows has it; `has_raws`: no text in it is beyond UTF-8."""
        index = np.full((len(self._places), rows), ABSENT, np.int32)
        values = self._numbered(index)
        raws = [msgspec.msgpack.encode(some) for some in values] if has_raws else []
        return Columns(tuple(self._places), index, values.__getitem__, raws.__getitem__ if has_raws else None)

    def _numbered(self, index: npt.NDArray[np.int32]) -> list[tuple[Value, ...]]:
        """Return the distinct values of each column, and write the numbers that they have there into `index`."""
        width = len(self._places)
        lines = list(chain.from_iterable(self._values))
        lengths = np.fromiter(map(len, lines), np.int64, len(lines))
        flat = list(chain.from_iterable(lines))
        keys = _keys(flat)
        distinct: dict[Any, Value] = dict(zip(keys, flat, strict=True))
        number = dict(zip(distinct, range(len(distinct)), strict=True))
        column = np.concatenate([_NO_COLUMNS, *self._columns])
        column_of = np.repeat(column, lengths)
        tagged = column_of << 32 | np.fromiter(map(number.__getitem__, keys), np.int64, len(keys))
        every, found = np.unique(tagged, return_inverse=True)
        bounds = np.searchsorted(every, np.arange(width + 1) << 32)
        self._look_up(index, column, np.cumsum(lengths) - lengths, (found - bounds[column_of]).astype(np.int32))
        known = list(distinct.values())
        in_order = [known[each] for each in (every & 0xFFFF_FFFF).tolist()]
        return [tuple(in_order[low:high]) for low, high in pairwise(bounds.tolist())]

    def _look_up(
        self,
        index: npt.NDArray[np.int32],
        column: npt.NDArray[np.int64],
        starts: npt.NDArray[np.int64],
        new: npt.NDArray[np.int32],
    ) -> None:
        """Write the new numbers into `index`: of each large batch by itself, of all small ones in one go.

        `column` and `starts` have an entry a line: its column, and where in `new` the numbers of its values begin.
        """
        if not len(new):
            return
        ends = np.append(starts, len(new))
        small: list[tuple[int, int, npt.NDArray[np.int32]]] = []
        line = 0
        for at, part in self._index:
            if part.size <= SMALL:
                small.append((at, line, part))
            else:
                for number, codes in enumerate(part, line):
                    own = np.append(new[ends[number] : ends[number + 1]], ABSENT)
                    index[column[number], at : at + len(codes)] = own[codes]
            line += len(part)
        if not small:
            return
        counts = [len(part) for _, _, part in small]
        widths = np.repeat([part.shape[1] for _, _, part in small], counts)
        firsts = np.repeat([at for at, _, _ in small], counts)
        lines_of = np.concatenate([np.arange(line, line + len(part)) for _, line, part in small])
        codes = np.concatenate([part.reshape(-1) for _, _, part in small])
        is_there = codes != ABSENT
        row = np.arange(len(codes)) + np.repeat(firsts - (np.cumsum(widths) - widths), widths)
        old = (codes + np.repeat(starts[lines_of], widths))[is_there]
        index[np.repeat(column[lines_of], widths)[is_there], row[is_there]] = new[old]


def _keys(values: list[Value]) -> Sequence[Any]:
    """Return what tells values apart: themselves where there are only texts and whole numbers, as in most batches."""
    types = set(map(type, values))
    if types <= {str, int}:
        return values
    plain = {str} if types & {bool, float} else {str, int}
    return [value if type(value) in plain else told_apart(value) for value in values]


class _Names:
    """An index into names, batch by batch, as one over all of them."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self._numbers: list[int] = []
        """The number of each name of each batch, one batch behind the other,"""
        self._starts: list[int] = []
        """where those of a batch begin,"""
        self._indexes: list[npt.NDArray[np.int32]] = []
        """and its index."""

    def add(self, names: Sequence[Any], index: npt.NDArray[np.int32]) -> None:
        """Take a batch's names, and which of them each row has: every row has one, ABSENT is none."""
        known = self._known
        self._starts.append(len(self._numbers))
        self._numbers += [known.setdefault(name, len(known)) for name in names]
        self._indexes.append(index)

    def told(self) -> tuple[tuple[Any, ...], npt.NDArray[np.int32]]:
        """Return the names, each once, and which of them each row has."""
        if not self._indexes:
            return (), _NONE
        starts = np.repeat(np.array(self._starts, np.int64), [len(index) for index in self._indexes])
        return tuple(self._known), np.array(self._numbers, np.int32)[np.concatenate(self._indexes) + starts]


class Merger:
    """Takes batches one after the other; of each it holds the rows' numbers and the columns' values until the end."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._whole = _Whole()
        self._kinds, self._devices = _Names(), _Names()
        self._senders: dict[str, int] = {}
        self._time = [np.zeros(0, np.int64)]
        self._lengths: list[int] = []
        self._sender: list[int] = []
        self._firsts: list[int] = []
        """The number of a batch's first row, less its place."""
        self._epoch: list[int] = []
        self._received: list[int] = []
        self._rows = 0
        self._has_raws = True

    def add(self, one: Sent) -> None:
        """Take a batch. Raises TheirFault where a column cannot be decoded."""
        table, size = one.table, len(one.table)
        self._kinds.add(table.kinds, table.kind)
        if one.name is None:
            self._devices.add(table.devices, table.device)
        else:
            self._devices.add((one.name,), np.zeros(size, np.int32))
        self._time.append(table.time)
        self._lengths.append(size)
        self._sender.append(self._senders.setdefault(one.sender, len(self._senders)))
        self._firsts.append(one.first - self._rows)
        self._epoch.append(one.epoch)
        self._received.append(one.received)
        self._has_raws = self._has_raws and table.columns.raw is not None
        self._whole.add(table.columns, self._rows)
        self._rows += size

    def merged(self) -> Merged:
        """Return all of them as one, in their order."""
        columns = self._whole.columns(self._rows, has_raws=self._has_raws)
        places = np.arange(self._rows, dtype=np.int64)
        table = Table(
            *self._kinds.told(),
            *self._devices.told(),
            np.concatenate(self._time),
            places,
            columns,
            None if columns.raw is None else b"".join(map(columns.raw, range(len(columns.names)))),
        )
        lengths = np.array(self._lengths, np.int64)
        epoch, first, received = (
            np.repeat(np.array(each, np.int64), lengths) for each in (self._epoch, self._firsts, self._received)
        )
        sender = np.repeat(np.array(self._sender, np.int32), lengths)
        return Merged(table, tuple(self._senders), sender, epoch, places + first, received)


def merge(batches: Iterable[Sent]) -> Merged:
    """Return the batches as one, in their order. Raises TheirFault where a column cannot be decoded."""
    merger = Merger()
    for one in batches:
        merger.add(one)
    return merger.merged()


def joined(parts: Sequence[Merged]) -> Merged:
    """Return merged batches as one, in their order; one alone is itself."""
    if len(parts) == 1:
        return parts[0]
    whole, kinds, devices, senders = _Whole(), _Names(), _Names(), _Names()
    at = 0
    for part in parts:
        table = part.table
        kinds.add(table.kinds, table.kind)
        devices.add(table.devices, table.device)
        senders.add(part.senders, part.sender)
        whole.add(table.columns, at)
        at += len(table)
    table = Table(
        *kinds.told(),
        *devices.told(),
        _laid([part.table.time for part in parts]),
        np.arange(at, dtype=np.int64),
        whole.columns(at, has_raws=False),
    )
    return Merged(
        table,
        *senders.told(),
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
        Columns(columns.names, columns.index[:, rows], columns.values, columns.raw),
        table.text,
    )


def _laid(parts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return arrays one behind the other."""
    return np.concatenate(parts or [np.zeros(0, np.int64)])
