"""A batch as bytes: columnar, dictionary-coded, msgpack inside zstd; what comes in is distrusted.

Layout (an array, in this order): version, kinds, row kinds, devices, row devices, times,
sequences, names of the columns, their indexes (one column behind the other), their values.
Row arrays are little-endian bytes: int32 for indexes, int64 for times (UTC ns, INT64_MIN = unknown)
and sequences. Text stands in the unpacked bytes as it is and all values stand together, so one
scan over them finds any text in any value. How that is packed: wire/frame.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import le
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from carecordon.model.batch import Columns, Table
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind, LogSource, Value
from carecordon.wire.frame import pack, unpack

VERSION = 1
MAX_ROWS = 65_536
MAX_COLUMNS = 4_096
MAX_VALUES = MAX_ROWS
MAX_ALL_VALUES = 4 * MAX_ROWS
"""Of all columns; a column has no more than rows, since each stands in it once. A byte may be a value, of 50 in memory.
"""
MAX_ITEMS = 65_536
MAX_ALL_ITEMS = 4 * MAX_ITEMS
"""Of one list that is a value, and of all lists of a batch; a list holds no list. The most that a known source says at
once, a snapshot of osquery in a line of 1 MiB, has 150,000 cells: an item each, in a list for each of its columns.
"""
MAX_NAME = 1_024

_Scalar = str | int | float | bool | None
_List = Annotated[tuple[_Scalar, ...], msgspec.Meta(max_length=MAX_ITEMS)]
_Value = str | int | float | bool | _List | None
_Values = Annotated[tuple[_Value, ...], msgspec.Meta(max_length=MAX_VALUES)]
_EVENT_IDS = range(-(1 << 63), 1 << 63)
_EventId = Annotated[int, msgspec.Meta(ge=_EVENT_IDS[0], le=_EVENT_IDS[-1])]
_Kind = tuple[str | None, str | None, _EventId | None, tuple[str | None, str | None, str | None] | None]


class _Rows(msgspec.Struct, array_like=True, frozen=True):
    version: int
    kinds: Annotated[list[_Kind], msgspec.Meta(max_length=MAX_ROWS)]
    kind: bytes
    devices: Annotated[list[str | None], msgspec.Meta(max_length=MAX_ROWS)]
    device: bytes
    time: bytes
    sequence: bytes
    names: Annotated[list[Annotated[str, msgspec.Meta(max_length=MAX_NAME)]], msgspec.Meta(max_length=MAX_COLUMNS)]
    index: bytes


class _Batch(_Rows, array_like=True, frozen=True):
    values: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_COLUMNS)]


class _Small(_Rows, array_like=True, frozen=True):
    values: Annotated[list[_Values], msgspec.Meta(max_length=MAX_COLUMNS)]


_BATCH = msgspec.msgpack.Decoder(_Batch)
_SMALL = msgspec.msgpack.Decoder(_Small)
SMALL_BYTES = 16 * 1024
"""What unpacks to no more than this is decoded whole: an average device sends a few events at a time, and setting about
column by column would cost several times what is in them.
"""
_VALUES: msgspec.msgpack.Decoder[tuple[Value, ...]] = msgspec.msgpack.Decoder(_Values)
_ALL_VALUES: msgspec.msgpack.Decoder[list[tuple[Value, ...]]] = msgspec.msgpack.Decoder(list[_Values])
_EACH_VALUE = msgspec.msgpack.Decoder(list[msgspec.Raw])
_NO_LISTS: msgspec.msgpack.Decoder[list[Value]] = msgspec.msgpack.Decoder(
    Annotated[list[_Scalar], msgspec.Meta(max_length=MAX_VALUES)]
)
_LONG_LISTS = (b"\xdc", b"\xdd")
"""First bytes of a list of more than SHORT_LIST items. Source: the MessagePack specification, "array format family"."""
_LISTS = (*_LONG_LISTS, *(bytes([byte]) for byte in range(0x90, 0xA0)))
SHORT_LIST = 15
_TEN = 0x90 + len(_Batch.__struct_fields__)
"""First byte of an array of as many elements as a batch has: the values are its last, so they end where it does."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def encode(table: Table) -> bytes:
    """Return the batch as bytes.

    Raises TheirFault if a value does not fit (an integer past 64 bits), or if the batch is larger than `decode` takes.
    """
    _check_shape(table)
    try:
        columns = table.columns
        values = [columns.values(place) for place in range(len(columns.names))]
        counts = [len(some) for some in values]
        _check_counts(columns.names, counts, len(table))
        packed_values = [msgspec.Raw(msgspec.msgpack.encode(some)) for some in values]
        _check_items(columns.names, packed_values, counts)
        raw = msgspec.msgpack.encode(
            _Batch(
                VERSION,
                [(kind.channel, kind.provider, kind.event_id, kind.bound) for kind in table.kinds],
                table.kind.astype("<i4").tobytes(),
                list(table.devices),
                table.device.astype("<i4").tobytes(),
                table.time.astype("<i8").tobytes(),
                table.sequence.astype("<i8").tobytes(),
                list(columns.names),
                columns.index.astype("<i4").tobytes(),
                packed_values,
            )
        )
    except (OverflowError, UnicodeEncodeError) as error:
        raise TheirFault(f"batch: a value cannot be sent: {error}") from error
    return pack(raw)


def decode(data: bytes, unpacked: Callable[[bytes], bytes] = unpack) -> Table:
    """Return the batch. Raises TheirFault for anything that `encode` would not have made.

    `unpacked` gives what is in a frame: an Unpacker's, where there are many.
    Sizes are checked before unpacking. A column is decoded when it is first asked for: values
    of another type and indexes out of range raise TheirFault then.
    """
    raw = unpacked(data)
    small = _small(raw) if len(raw) <= SMALL_BYTES else None
    if small is not None:
        return small
    try:
        batch = _BATCH.decode(raw)
    except _UNREADABLE as error:
        raise TheirFault(f"batch: {error}") from error
    if batch.version != VERSION:
        raise TheirFault(f"batch: version {batch.version}, this side speaks {VERSION}: bring both to one release")
    if raw[0] != _TEN:
        raise TheirFault("batch: it has more elements than a batch has: what stands behind the values is not looked at")
    rows = len(batch.kind) // 4
    if rows > MAX_ROWS:
        raise TheirFault(f"batch: {rows} rows, at most {MAX_ROWS} are taken: send smaller batches")
    kinds = _kinds(batch)
    text = memoryview(raw)[len(raw) - sum(map(len, batch.values)) :]
    return Table(
        kinds,
        _index(batch.kind, rows, "kind", len(kinds)),
        tuple(batch.devices),
        _index(batch.device, rows, "device", len(batch.devices)),
        _int64(batch.time, rows, "time"),
        _int64(batch.sequence, rows, "sequence"),
        _columns(batch, rows, text),
        text,
    )


def _small(raw: bytes) -> Table | None:
    """Return a small batch; None where something is wrong with it: decoding it as a large one tells what."""
    try:
        batch = _SMALL.decode(raw)
    except _UNREADABLE:
        return None
    rows, columns = len(batch.time) // 8, len(batch.names)
    bytes_a_row = (len(batch.kind), len(batch.device), len(batch.time), len(batch.sequence), len(batch.index))
    if (
        batch.version != VERSION
        or raw[0] != _TEN
        or bytes_a_row != tuple(rows * one for one in (4, 4, 8, 8, 4 * columns))
    ):
        return None
    names, values, needed = tuple(batch.names), batch.values, _needed(batch.index, columns, rows)
    is_whole = len(set(names)) == columns == len(values) and all(map(le, needed, map(len, values)))
    if not is_whole or max(map(len, values), default=0) > rows:
        return None
    if not _is_within(batch.kind, len(batch.kinds)) or not _is_within(batch.device, len(batch.devices)):
        return None
    index = np.frombuffer(batch.index, "<i4").reshape(columns, rows)
    return Table(
        _kinds(batch),
        np.frombuffer(batch.kind, "<i4"),
        tuple(batch.devices),
        np.frombuffer(batch.device, "<i4"),
        np.frombuffer(batch.time, "<i8"),
        np.frombuffer(batch.sequence, "<i8"),
        Columns(names, index, values.__getitem__, lambda _: raw, lambda: values),
        raw,
    )


def _is_within(index: bytes, limit: int) -> bool:
    """Return whether every place of a short index is below a limit."""
    # Unsigned, a negative index is huge. All machines that run this are little-endian, as what travels is.
    return max(memoryview(index).cast("I"), default=-1) < limit


def _kinds(batch: _Rows) -> tuple[Kind, ...]:
    return tuple(Kind(c, p, e, None if b is None else LogSource(*b)) for c, p, e, b in batch.kinds)


def _check_shape(table: Table) -> None:
    names = table.columns.names
    if len(table) > MAX_ROWS or len(names) > MAX_COLUMNS or any(len(name) > MAX_NAME for name in names):
        raise TheirFault(
            f"batch: at most {MAX_ROWS} rows and {MAX_COLUMNS} fields with names of {MAX_NAME} characters are sent"
        )
    for kind in table.kinds:
        if kind.event_id is not None and kind.event_id not in _EVENT_IDS:
            raise TheirFault(f"batch: the event id {kind.event_id} cannot be sent: it is no signed number of 64 bits")


def _check_counts(names: Sequence[str], counts: Sequence[int], rows: int) -> None:
    for name, count in zip(names, counts, strict=True):
        if count > rows:
            raise TheirFault(f"batch: column {name}: {count} values for {rows} rows")
    if sum(counts) > MAX_ALL_VALUES:
        raise TheirFault(f"batch: {sum(counts)} values, at most {MAX_ALL_VALUES} are taken: send smaller batches")


def _check_items(names: Sequence[str], values: Sequence[msgspec.Raw], counts: Sequence[int]) -> None:
    """Raise TheirFault for too many items in lists; nothing is built of them.

    An item is a byte at least: what is small is not looked through. Nor are columns without a byte that a long list
    begins with, as long as short lists alone could not be too many.
    """
    if sum(map(len, values)) <= MAX_ITEMS:
        return
    long = [_may_have(_LONG_LISTS, some) for some in values]
    total = sum(_items(name, some) for name, some, is_long in zip(names, values, long, strict=True) if is_long)
    short = [place for place, is_long in enumerate(long) if not is_long]
    if total + SHORT_LIST * sum(counts[place] for place in short) > MAX_ALL_ITEMS:
        total += sum(_items(names[place], values[place]) for place in short if _may_have(_LISTS, values[place]))
    if total > MAX_ALL_ITEMS:
        raise TheirFault(f"batch: {total} items in lists, at most {MAX_ALL_ITEMS} are taken: send smaller batches")


def _items(name: str, values: msgspec.Raw) -> int:
    """Return how many items the lists of a column hold. Raises TheirFault where one is too long."""
    try:
        _NO_LISTS.decode(values)
    except _UNREADABLE:
        pass
    else:
        return 0  # most columns that may hold a list by their bytes hold none
    try:
        items = [_count(one) for one in _EACH_VALUE.decode(values)]
    except _UNREADABLE as error:
        raise TheirFault(f"batch: column {name}: {error}") from error
    if max(items, default=0) > MAX_ITEMS:
        raise TheirFault(f"batch: column {name}: a list of {max(items)} items, at most {MAX_ITEMS} are taken")
    return sum(items)


def _may_have(heads: Sequence[bytes], values: msgspec.Raw) -> bool:
    """Return whether there is one of these bytes in a column's values, behind their own head."""
    body = bytes(values)
    head = {0xDC: 3, 0xDD: 5}.get(body[0], 1) if body else 0
    return any(body.find(byte, head) >= 0 for byte in heads)


def _count(packed: msgspec.Raw) -> int:
    """Return how many values an array says that it has; 0 for what is none, which is told when it is decoded.

    Source: the MessagePack specification, "array format family".
    """
    head = bytes(memoryview(packed)[:5])
    match head[0]:
        case 0xDC:
            return int.from_bytes(head[1:3], "big")
        case 0xDD:
            return int.from_bytes(head[1:5], "big")
        case kind:
            return kind & 0x0F if kind & 0xF0 == 0x90 else 0


def _columns(batch: _Batch, rows: int, text: memoryview) -> Columns:
    """Return the columns, each to be decoded and held against its own size when it is asked for.

    `text`: the bytes of all their values, one column behind the other.
    """
    names, values = batch.names, batch.values
    if len(set(names)) < len(names):
        raise TheirFault("batch: a column stands in it twice")
    if len(values) != len(names) or len(batch.index) != 4 * rows * len(names):
        has = f"{len(values)} columns of values and {len(batch.index)} bytes of indexes"
        raise TheirFault(f"batch: it has {has} for {len(names)} names and {rows} rows")
    if len(text) > MAX_ITEMS:  # a value, or an item of a list, is a byte at least: nothing large is made of less
        counts = [_count(some) for some in values]
        _check_counts(names, counts, rows)
        _check_items(names, values, counts)
    needed = _needed(batch.index, len(names), rows)

    def load(place: int) -> tuple[Value, ...]:
        try:
            found = _VALUES.decode(values[place])
        except _UNREADABLE as error:
            raise TheirFault(f"batch: column {names[place]}: {error}") from error
        _check_column(names[place], len(found), needed[place], rows)
        return found

    def load_all() -> list[tuple[Value, ...]]:
        try:
            found = _ALL_VALUES.decode(b"\xdd" + len(names).to_bytes(4, "big") + text)  # an array of what stands there
        except _UNREADABLE as error:
            raise TheirFault(f"batch: a column: {error}") from error
        for name, some, least in zip(names, found, needed, strict=True):
            if not least <= len(some) <= rows:
                _check_column(name, len(some), least, rows)
        return found

    index = np.frombuffer(batch.index, "<i4").reshape(len(names), rows)
    return Columns(names, index, load, _cutter(text, values), load_all)


def _needed(index: bytes, columns: int, rows: int) -> list[int]:
    """Return how many values each column must have for its indexes to be within its range."""
    # Unsigned, a negative index is huge and ABSENT plus one is 0: one figure a column tells both ends of the range.
    above = np.frombuffer(index, "<u4").reshape(columns, rows) + np.uint32(1)
    found: list[int] = above.max(axis=1, initial=0).tolist()
    return found


def _cutter(text: memoryview, values: Sequence[msgspec.Raw]) -> Callable[[int], memoryview]:
    """Return what cuts out the bytes of a column's values; most are not asked for."""
    ends: list[int] = []

    def cut(place: int) -> memoryview:
        if not ends:
            ends.extend(accumulate(map(len, values), initial=0))
        return text[ends[place] : ends[place + 1]]

    return cut


def _check_column(name: str, count: int, needed: int, rows: int) -> None:
    _check_counts([name], [count], rows)
    if needed > count:
        raise TheirFault(f"batch: column {name} has an index out of range")


def _index(data: bytes, rows: int, name: str, limit: int) -> npt.NDArray[np.int32]:
    if len(data) != 4 * rows:
        raise TheirFault(f"batch: {name} has {len(data)} bytes for {rows} rows")
    if rows and int(np.frombuffer(data, "<u4").max()) >= limit:  # unsigned, a negative index is huge
        raise TheirFault(f"batch: {name} has an index out of range")
    return np.frombuffer(data, "<i4")


def _int64(data: bytes, rows: int, name: str) -> npt.NDArray[np.int64]:
    if len(data) != 8 * rows:
        raise TheirFault(f"batch: {name} has {len(data)} bytes for {rows} rows")
    return np.frombuffer(data, "<i8")
