"""Many devices' batches made one: their dictionaries are joined, no row is looked at by itself.

Theory. A column of a batch is its distinct values and an index a row. To join columns of one
name, each distinct value gets one number over all batches; an index is then the old one
looked up in a table from old numbers to new. An average device sends one to three rows at a
time, so the work is one step a column of a batch, and must stay small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from carecordon.model.batch import ABSENT, Buffer, Columns, Table
from carecordon.model.event import Value
from carecordon.model.gather import told_apart
from carecordon.model.merged import Merged

_NONE = np.zeros(0, np.int32)
MIXTURES = 1_000
"""Sets of names that are kept in mind."""
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
    """The values of one column over all batches so far, and the number of each."""

    __slots__ = ("numbers", "place", "raws", "values")

    def __init__(self, place: int) -> None:
        self.place = place
        self.numbers: dict[Any, int] = {}
        self.values: list[Value] = []
        self.raws: list[Buffer] = []
        """Bytes in which every text among the values stands as it is."""


class _Whole:
    """All columns over all batches.

    What is written down of a small batch is lists; the indexes of all are looked up in one go at the end.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._known: dict[tuple[str, ...], list[_Column]] = {}
        """The columns of batches by all their names: few kinds of events make most batches."""
        self._flat: list[int] = []
        """The new numbers of the values of one column of one batch behind those of another."""
        self._starts: list[int] = []
        """Where in `_flat` they begin,"""
        self._places: list[int] = []
        """and which column it is."""
        self._small: list[tuple[int, npt.NDArray[np.int32]]] = []
        self._large: list[tuple[int, int, npt.NDArray[np.int32]]] = []

    def add(self, part: Columns, at: int) -> None:
        """Add a batch's columns, whose rows stand from `at` on."""
        flat, raw = self._flat, part.raw
        is_small = part.index.shape[1] <= SMALL
        if is_small:
            self._small.append((at, part.index))
        for here, (column, values) in enumerate(zip(self._named(part.names), part.all_values(), strict=True)):
            start, before = len(flat), len(column.values)
            numbers = column.numbers
            for value in values:
                key = value if type(value) is str else told_apart(value)
                number = numbers.get(key)
                if number is None:
                    number = numbers[key] = len(column.values)
                    column.values.append(value)
                flat.append(number)
            if raw is not None and len(column.values) > before:
                column.raws.append(raw(here))
            if is_small:
                self._starts.append(start)
                self._places.append(column.place)
            else:
                self._large.append((column.place, at, _renumbered(part.index[here], flat[start:])))
                del flat[start:]

    def _named(self, names: tuple[str, ...]) -> list[_Column]:
        """Return the columns of these names."""
        found = self._known.get(names)
        if found is None:
            columns = self._columns
            found = [columns.get(name) or columns.setdefault(name, _Column(len(columns))) for name in names]
            if len(self._known) < MIXTURES:
                self._known[names] = found
        return found

    def columns(self, rows: int, *, has_raws: bool) -> Columns:
        """Return all of it as a table of so many rows has it."""
        every = self._columns.values()
        index = np.full((len(every), rows), ABSENT, np.int32)
        self._look_up(index)
        for place, at, codes in self._large:
            index[place, at : at + len(codes)] = codes
        values = [tuple(column.values) for column in every]
        raws: list[Buffer] = [b"\n".join(column.raws) for column in every] if has_raws else []
        return Columns(tuple(self._columns), index, values.__getitem__, raws.__getitem__ if has_raws else None)

    def _look_up(self, index: npt.NDArray[np.int32]) -> None:
        """Write the new numbers of all small batches into `index`."""
        if not self._starts:
            return
        widths = np.repeat(
            np.array([part.shape[1] for _, part in self._small]), [part.shape[0] for _, part in self._small]
        )
        firsts = np.repeat(np.array([at for at, _ in self._small]), [part.shape[0] for _, part in self._small])
        codes = np.concatenate([part.reshape(-1) for _, part in self._small])
        is_there = codes != ABSENT
        row = np.arange(len(codes)) + np.repeat(firsts - (np.cumsum(widths) - widths), widths)
        place = np.repeat(np.array(self._places), widths)
        number = np.array(self._flat, np.int32)[(codes + np.repeat(np.array(self._starts), widths))[is_there]]
        index[place[is_there], row[is_there]] = number


class Merger:
    """Takes batches one after the other and lets go of each, so that what is held is what they are together."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._whole = _Whole()
        self._kinds: dict[Any, int] = {}
        self._devices: dict[Any, int] = {}
        self._senders: dict[str, int] = {}
        self._kind, self._device = [_NONE], [_NONE]
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
        self._kind.append(_renumbered(table.kind, _numbers(self._kinds, table.kinds)))
        if one.name is None:
            self._device.append(_renumbered(table.device, _numbers(self._devices, table.devices)))
        else:
            self._device.append(np.full(size, self._devices.setdefault(one.name, len(self._devices)), np.int32))
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
            tuple(self._kinds),
            np.concatenate(self._kind),
            tuple(self._devices),
            np.concatenate(self._device),
            np.concatenate(self._time),
            places,
            columns,
            None if columns.raw is None else b"\n".join(map(columns.raw, range(len(columns.names)))),
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
    whole = _Whole()
    kinds: dict[Any, int] = {}
    devices: dict[Any, int] = {}
    senders: dict[Any, int] = {}
    kind, device, sender = [_NONE], [_NONE], [_NONE]
    at = 0
    for part in parts:
        table = part.table
        kind.append(_renumbered(table.kind, _numbers(kinds, table.kinds)))
        device.append(_renumbered(table.device, _numbers(devices, table.devices)))
        sender.append(_renumbered(part.sender, _numbers(senders, part.senders)))
        whole.add(table.columns, at)
        at += len(table)
    table = Table(
        tuple(kinds),
        np.concatenate(kind),
        tuple(devices),
        np.concatenate(device),
        _laid([part.table.time for part in parts]),
        np.arange(at, dtype=np.int64),
        whole.columns(at, has_raws=False),
    )
    return Merged(
        table,
        tuple(senders),
        np.concatenate(sender),
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


def _numbers(known: dict[Any, int], values: Sequence[Any]) -> list[int]:
    return [known.setdefault(each, len(known)) for each in values]


def _laid(parts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return arrays one behind the other."""
    return np.concatenate(parts or [np.zeros(0, np.int64)])


def _renumbered(index: npt.NDArray[np.int32], numbers: list[int]) -> npt.NDArray[np.int32]:
    """Return an index by new numbers; what was absent (-1, the last place of the table) stays so."""
    return np.array([*numbers, ABSENT], np.int32)[index]
