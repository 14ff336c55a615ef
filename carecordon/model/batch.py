"""The batch: a table of events in arrival order, as rows (from a file) or as columns (from the wire)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from carecordon.model.event import Fields, Kind, Value

ABSENT = -1
"""The index in a column of a row that does not carry the field."""
Buffer = bytes | memoryview

UNKNOWN = -(1 << 63)
"""The time in a Table of an event that gives none."""


class Header(NamedTuple):
    """What a row says of itself: `time` UTC ns, `record_id` the log's own number, `position` see Rows."""

    kind: Kind
    device: str | None
    time: int | None
    record_id: int | None
    position: int


HEADER = ("Computer", "EventRecordID", "Provider_Name")
"""Fields that `Rows.complete` adds where a document spells them otherwise."""


Row = tuple[Kind, Fields, int | None, str | None, int | None, int]
"""An event as the lists of Rows take it: kind, fields, time, device, record id, position."""


@dataclass(slots=True)
class Rows:
    """A small batch that keeps each event as one mapping: what reading a file gives.

    All lists have one entry a row, in arrival order. `times` are UTC ns since 1970 (None
    where the event gives none that can be read), `positions` the 1-based ordinal of the
    event in its file (here: in its block, until the scan adds the block's offset).
    `fields` holds Sigma names, the header's names among them (docs/detection.md).
    `keywords`: numbers of the engine's keywords that may stand in the raw text; None = not scanned.
    """

    kinds: list[Kind] = field(default_factory=list)
    fields: list[Fields] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    devices: list[str | None] = field(default_factory=list)
    record_ids: list[int | None] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    keywords: frozenset[int] | None = None

    @classmethod
    def of(cls, rows: Sequence[Row], keywords: frozenset[int] | None = None) -> Rows:
        """Return a batch of these events."""
        columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
        kinds, fields, times, devices, record_ids, positions = columns or [[], [], [], [], [], []]
        return cls(kinds, fields, times, devices, record_ids, positions, keywords)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.kinds)

    def header(self, row: int) -> Header:
        """Return what a row says of itself."""
        return Header(self.kinds[row], self.devices[row], self.times[row], self.record_ids[row], self.positions[row])

    def with_ids(self, event_ids: frozenset[int]) -> list[int]:
        """Return the rows whose event id is one of these."""
        return [row for row, kind in enumerate(self.kinds) if kind.event_id in event_ids]

    def complete(self, row: int) -> Fields:
        """Return a row's fields with the header's names among them.

        Flat documents spell the header otherwise; since few rules ask for it, it is written
        into `fields` only when somebody does.
        """
        fields = self.fields[row]
        for name, value in zip(
            HEADER, (self.devices[row], self.record_ids[row], self.kinds[row].provider), strict=True
        ):
            if value is not None and fields.get(name) is None:
                fields[name] = value
        return fields


class Columns:
    """The fields of a table: of each its distinct values, and for each row an index into them.

    `names` are the fields. `index` has a line for each field with an entry for each row
    (ABSENT = not carried). `raw` gives, of the field in a place, bytes in which all its texts stand as they are, and
    maybe more; None where there are none such.
    """

    __slots__ = ("_all", "_load", "_load_all", "_places", "_values", "index", "names", "raw")

    def __init__(
        self,
        names: Sequence[str],
        index: npt.NDArray[np.int32],
        load: Callable[[int], tuple[Value, ...]],
        raw: Callable[[int], Buffer] | None = None,
        load_all: Callable[[], Sequence[tuple[Value, ...]]] | None = None,
    ) -> None:
        """Take what there is, and a function that gives the values of the field in a place, or those of all fields."""
        self.names = tuple(names)
        self.index = index
        self.raw = raw
        self._load = load
        self._load_all = load_all
        self._values: dict[int, tuple[Value, ...]] = {}
        self._all: Sequence[tuple[Value, ...]] | None = None
        self._places: dict[str, int] | None = None

    @property
    def places(self) -> Mapping[str, int]:
        """Return where each field stands; made when it is first asked for, since merging does not ask."""
        if self._places is None:
            self._places = dict(zip(self.names, range(len(self.names)), strict=True))
        return self._places

    def values(self, place: int) -> tuple[Value, ...]:
        """Return the distinct values of the field in a place.

        What came over the wire is decoded when first asked for, since rules ask for few columns; until then a
        wrong value or index goes unnoticed. Raises TheirFault if there is one.
        """
        if self._all is not None:
            return self._all[place]
        found = self._values.get(place)
        if found is None:
            found = self._values[place] = self._load(place)
        return found

    def value(self, name: str, row: int) -> Value:
        """Return what a row has in one field, None where it does not carry it; see `RowView` for many."""
        place = self.places.get(name)
        at = ABSENT if place is None else int(self.index[place, row])
        return None if place is None or at == ABSENT else self.values(place)[at]

    def all_values(self) -> Sequence[tuple[Value, ...]]:
        """Return the distinct values of every field, in the order of `names`: for whoever needs them all.

        Raises TheirFault as `values` does.
        """
        if self._all is None:
            if self._load_all is None or self._values:
                self._all = [self.values(place) for place in range(len(self.names))]
            else:
                self._all = self._load_all()
        return self._all


class RowView(Mapping[str, Value]):
    """One row of a table as a mapping that decodes only the columns it is asked for."""

    __slots__ = ("_codes", "_columns")

    def __init__(self, columns: Columns, row: int) -> None:
        """Look at `row` of `columns`."""
        self._columns = columns
        self._codes: list[int] = columns.index[:, row].tolist()  # asked one by one, each would cost as much as ten so

    def __getitem__(self, name: str) -> Value:
        """Return a field's value. Raises KeyError where the row does not carry it."""
        place = self._columns.places[name]
        values = self._columns.values(place)
        at = self._codes[place]
        if at == ABSENT:
            raise KeyError(name)
        return values[at]

    def __contains__(self, name: object) -> bool:
        """Return whether the row carries a field; its column is not decoded for that."""
        place = self._columns.places.get(name)  # type: ignore[call-overload]  # any key may be asked for
        return place is not None and self._codes[place] != ABSENT

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value, or `default`: most fields that are asked for are not there, so nothing is raised."""
        place = self._columns.places.get(name)
        if place is None:
            return default
        at = self._codes[place]
        return default if at == ABSENT else self._columns.values(place)[at]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the fields that the row carries."""
        return (name for name, at in zip(self._columns.names, self._codes, strict=True) if at != ABSENT)

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._codes) - self._codes.count(ABSENT)


@dataclass(frozen=True, slots=True)
class Table:
    """A columnar, dictionary-coded batch of any mix of kinds, in arrival order: what the wire carries.

    `kind` and `device` index into `kinds` and `devices` (int32 a row); `time` is UTC ns
    (int64; INT64_MIN = unknown); `sequence` is the device's own count (int64).
    """

    kinds: tuple[Kind, ...]
    kind: npt.NDArray[np.int32]
    devices: tuple[str | None, ...]
    device: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    sequence: npt.NDArray[np.int64]
    columns: Columns
    text: Buffer | None = None
    """Bytes in which every text of a column stands as it is (UTF-8), and maybe more; None where there are none such."""

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.kind)

    def header(self, row: int) -> Header:
        """Return what a row says of itself; its sequence is its position."""
        time, record_id = int(self.time[row]), self.columns.value("EventRecordID", row)
        return Header(
            self.kinds[int(self.kind[row])],
            self.devices[int(self.device[row])],
            None if time == UNKNOWN else time,
            record_id if isinstance(record_id, int) and not isinstance(record_id, bool) else None,
            int(self.sequence[row]),
        )

    def with_ids(self, event_ids: frozenset[int]) -> list[int]:
        """Return the rows whose event id is one of these."""
        is_wanted = [kind.event_id in event_ids for kind in self.kinds]
        if not any(is_wanted):
            return []
        found: list[int] = np.flatnonzero(np.array(is_wanted)[self.kind]).tolist()
        return found

    def complete(self, row: int) -> RowView:
        """Return a row's fields."""
        return RowView(self.columns, row)


Batch = Rows | Table
