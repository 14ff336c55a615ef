"""A recorder's connections in the clothes of `sqlite3`, so that SQLAlchemy, and what else calls it, can be recorded.

`clothe` puts `sqlite3.connect` aside for files in the recorder's folder. What it gives begins no transaction by
itself (`isolation_level = None`, whatever is asked for), fetches all rows at once, and raises sqlite3's own errors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from carecordon.stream.backends.on_sqlite.driver import code_of
from tests.chaos.recorder import Recorder

_ERRORS: dict[int, type[sqlite3.Error]] = {
    2: sqlite3.InternalError,
    11: sqlite3.DatabaseError,
    19: sqlite3.IntegrityError,
    21: sqlite3.ProgrammingError,
    26: sqlite3.DatabaseError,
}
"""By SQLite's primary code, as the standard library has them; all others are an OperationalError."""


def clothe(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    """Let `sqlite3.connect` record what lies in the recorder's folder, until the test is over."""
    plain = sqlite3.connect

    def connect(database: Any, *rest: Any, **named: Any) -> Any:
        path = Path(database)
        if path.parent != recorder.folder:
            return plain(database, *rest, **named)
        with _faults():
            connection = recorder.connect(path)
        connection.set_busy_timeout(int(1000 * float(named.get("timeout", 5.0))))
        return Connection(connection)

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except apsw.Error as fault:
        error = _ERRORS.get(code_of(fault), sqlite3.OperationalError)(str(fault))
        error.sqlite_errorcode = getattr(fault, "extendedresult", 1)
        raise error from fault


class Connection:
    """What SQLAlchemy and plain code use of a sqlite3.Connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Wear the clothes."""
        self._connection = connection
        self.isolation_level: str | None = None
        self.row_factory: Any = None

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction has begun."""
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        """Return how many rows were changed so far."""
        return self._connection.total_changes()

    def cursor(self, factory: Any = None) -> Cursor:
        """Return a new cursor."""
        return Cursor(self._connection)

    def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        """Run a statement on a new cursor."""
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any]) -> Cursor:
        """Run a statement for each row on a new cursor."""
        return self.cursor().executemany(sql, rows)

    def executescript(self, sql: str) -> Cursor:
        """Run several statements."""
        return self.execute(sql)

    def create_function(
        self, name: str, narg: int, func: Callable[..., Any] | None, *, deterministic: bool = False
    ) -> None:
        """Make a function known to SQL."""
        self._connection.create_scalar_function(name, func, narg, deterministic=deterministic)

    def commit(self) -> None:
        """End what has begun."""
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what has begun."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        with _faults():
            self._connection.close()


class Cursor:
    """What SQLAlchemy and plain code use of a sqlite3.Cursor."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Have nothing yet."""
        self._connection = connection
        self._rows: list[Any] = []
        self.description: tuple[Any, ...] | None = None
        self.rowcount = -1
        self.arraysize = 1

    @property
    def lastrowid(self) -> int:
        """Return the number of the row that was inserted last."""
        return self._connection.last_insert_rowid()

    def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        """Run a statement and take all it gives."""
        self.description = None
        cursor = self._connection.cursor()
        cursor.exec_trace = self._describe
        before = self._connection.total_changes()
        with _faults():
            self._rows = list(cursor.execute(sql, parameters))
        self._count(before)
        return self

    def _count(self, before: int) -> None:
        self.rowcount = -1 if self.description else self._connection.total_changes() - before

    def executemany(self, sql: str, rows: Iterable[Any]) -> Cursor:
        """Run a statement for each row."""
        before = self._connection.total_changes()
        for row in rows:
            self.execute(sql, row)
        self.rowcount = self._connection.total_changes() - before
        return self

    def _describe(self, cursor: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
        columns = cursor.get_description()
        self.description = tuple((name, *[None] * 6) for name, *_ in columns) or None
        return True

    def fetchone(self) -> Any:
        """Return the next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """Return the next rows."""
        count = size or self.arraysize
        found, self._rows = self._rows[:count], self._rows[count:]
        return found

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        found, self._rows = self._rows, []
        return found

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""
        while self._rows:
            yield self._rows.pop(0)

    def close(self) -> None:
        """Let go of what is left."""
        self._rows = []
