"""The groups of a log, read so that damage costs what it hit and no more, and is told."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from carecordon.model.stream import Damage, Entry
from carecordon.stream.backends.on_sqlite.driver import Connection, Driver, is_damage
from carecordon.stream.backends.on_sqlite.schema import PARTITION_BITS, position_of, row_id
from carecordon.stream.frame import Broken, Head, Row, read_group, read_heads

MAX_TOLD = 1_000
"""Damages remembered; what comes behind them is counted in the last."""
PROBED = 4_096
"""Positions tried one by one where the end of a partition can no longer be found."""

# A flipped bit can make a number a text: casts give every value the type that is meant, and its checksum tells.
_COLUMNS = "id, CAST(received AS INTEGER), CAST(parts AS INTEGER), CAST(size AS INTEGER), CAST(heads AS BLOB)"
_RANGE = "FROM log WHERE id > ? AND id <= ? ORDER BY id"
_WHOLE = f"SELECT {_COLUMNS}, CAST(data AS BLOB) {_RANGE}"
_HEADS = f"SELECT {_COLUMNS}, length(data) {_RANGE}"
_ENDS = "SELECT id, CAST(received AS INTEGER), CAST(parts AS INTEGER), CAST(size AS INTEGER) FROM log"
_LAST = f"{_ENDS} WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1"
_FIRST = f"{_ENDS} WHERE id > ? AND id <= ? ORDER BY id LIMIT 1"

WRONG = "its checksum does not hold"
AWAY = "its place in the file cannot be read"


class Groups:
    """Reads the rows of a connection, inside whatever transaction it is in."""

    def __init__(self, connection: Connection, driver: Driver) -> None:
        """Read from `connection`."""
        self.connection = connection
        self._driver = driver
        self._told: dict[tuple[int, int], Damage] = {}

    def tell(self, damage: Damage) -> None:
        """Remember a damage, once."""
        if len(self._told) < MAX_TOLD:
            self._told.setdefault((damage.partition, damage.first), damage)

    def told(self) -> list[Damage]:
        """Return the damages in the order they were met."""
        return list(self._told.values())

    def last(self, partition: int) -> Row | None:
        """Return the last row; None where there is none. Raises the driver's fault where it cannot be found."""
        return self._end(_LAST, partition, 0, (1 << PARTITION_BITS) - 1)

    def last_to(self, partition: int, position: int) -> Row | None:
        """Return the last row up to and with `position`."""
        return self._end(_LAST, partition, 0, position)

    def first_after(self, partition: int, position: int) -> Row | None:
        """Return the first row behind `position`."""
        return self._end(_FIRST, partition, position, (1 << PARTITION_BITS) - 1)

    def _end(self, sql: str, partition: int, after: int, upto: int) -> Row | None:
        found = self.connection.execute(sql, (row_id(partition, after), row_id(partition, upto))).fetchall()
        return _row(partition, found[0]) if found else None

    def heads(self, partition: int, after: int) -> Iterator[tuple[Row, list[Head] | None, int]]:
        """Yield the rows behind `after`: what they are, their heads (None: damaged), the bytes of their data."""
        for values in self._read(_HEADS, partition, after, self._upto(partition, after, None)):
            row = _row(partition, values)
            heads = read_heads(row, values[4])
            if heads is None:
                self.tell(Damage(partition, row.position, row.position, WRONG))
            yield row, heads, values[5] or 0

    def entries(self, partition: int, after: int, upto: int | None) -> Generator[tuple[list[Entry], int], None, None]:
        """Yield the groups behind `after`, to `upto`: the entries that are whole, and the bytes of the group."""
        for values in self._read(_WHOLE, partition, after, self._upto(partition, after, upto)):
            row, data = _row(partition, values), values[5] or b""
            found = []
            for item in read_group(row, values[4], data):
                if isinstance(item, Broken):
                    self.tell(Damage(partition, row.position, row.position, _named(item)))
                else:
                    found.append(item)
            yield found, len(data)

    def _upto(self, partition: int, after: int, upto: int | None) -> int:
        """Return the last position there may be, without which nobody knows what is missing."""
        try:
            last = self.last(partition)
        except self._driver.fault as fault:
            if not is_damage(fault):
                raise
            self.tell(Damage(partition, after + 1, after + PROBED, "the end of the partition cannot be found"))
            return after + PROBED if upto is None else min(upto, after + PROBED)
        end = after if last is None else last.position
        return end if upto is None else min(upto, end)

    def _read(self, sql: str, partition: int, after: int, upto: int) -> Iterator[Any]:
        """Yield the rows behind `after` in order, and tell of positions that are not there, since each one once was."""
        if after >= upto:
            return
        expected = after + 1
        for values in self._rows(sql, partition, after, upto):
            position = position_of(values[0])
            if position < expected:  # a damaged number: its own place is told as missing
                continue
            if position > expected:
                self.tell(Damage(partition, expected, position - 1, AWAY))
            expected = position + 1
            yield values
        if expected <= upto:
            self.tell(Damage(partition, expected, upto, AWAY))

    def _rows(self, sql: str, partition: int, after: int, upto: int) -> Iterator[Any]:
        """Yield what can be read: all at once, and behind the first damage one by one."""
        done = after
        try:
            with closing(self._range(sql, partition, done, upto)) as cursor:
                for values in cursor:
                    done = max(done, position_of(values[0]))
                    yield values
                return
        except self._driver.fault as fault:
            if not is_damage(fault):
                raise
        for position in range(done, upto):
            try:
                found = self._range(sql, partition, position, position + 1).fetchall()
            except self._driver.fault as fault:
                if not is_damage(fault):
                    raise
                continue
            yield from found

    def _range(self, sql: str, partition: int, after: int, upto: int) -> Any:
        return self.connection.execute(sql, (row_id(partition, after), row_id(partition, upto)))


def _row(partition: int, values: Any) -> Row:
    row, received, parts, size, *_ = values
    return Row(partition, position_of(row), received or 0, parts or 0, size or 0)


def _named(broken: Broken) -> str:
    head = broken.head
    return WRONG if head is None else f"{head.sender!r} epoch {head.epoch}, {head.first} to {head.last}: {WRONG}"
