"""How statements reach the database: short transactions that read, and short ones that write, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Connection, Engine, Table, func, select, update
from sqlalchemy.dialects.sqlite import Insert, dialect, insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from carecordon.register.tables import COUNTERS

_T = TypeVar("_T")
CHUNK = 500
"""Values in one IN (…): SQLite takes 32,766 parameters, and shorter statements are kept ready."""
WRITES = "carecordon_writes"
"""The option of a connection whose transaction begins by taking the lock: it waits then, and never in between."""


class Door:
    """The way to one database. A transaction is on disk when its `with` ends; after an exception nothing is."""

    def __init__(self, engine: Engine, turn: Callable[[], AbstractContextManager[None]]) -> None:
        """`engine` begins a transaction as its connections' option WRITES says; who writes waits for its `turn`."""
        self._engine = engine
        self._turn = turn
        self._writing = engine.execution_options(**{WRITES: True})

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the whole database. Raises OSError where it cannot be read."""
        with _faults(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield the one connection that may write. Raises OSError where it cannot, or waited too long for another."""
        with _faults(), self._turn(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let nobody write while the `with` lasts."""
        with self.writing():
            yield

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def _faults() -> Iterator[None]:
    """Tell a database that is busy, full or broken as the operating system would; a broken constraint is our defect."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as fault:
        raise OSError(f"the register: {fault.orig}") from fault


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield values in pieces that one statement takes."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def counter(connection: Connection, name: str) -> int:
    """Return a counter; 0 where it never counted."""
    return connection.execute(select(COUNTERS.c.value).where(COUNTERS.c.name == name)).scalar() or 0


def set_counter(connection: Connection, name: str, value: int) -> None:
    """Set a counter."""
    replace(connection, COUNTERS, [{"name": name, "value": value}])


def replace(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows; those whose primary key is there already take the place of what was there."""
    if rows:
        keys = {column.name for column in table.primary_key}
        connection.execute(replacing(table, [name for name in rows[0] if name not in keys]), list(rows))


def replacing(table: Table, others: Sequence[str]) -> Insert:
    """Return what writes a row over that of its primary key; `others` are the columns beside that."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in others}
    )


def written_out(statement: ClauseElement) -> str:
    """Return a statement as the database reads it, for what is done so often that making it anew would show."""
    return str(statement.compile(dialect=dialect()))


def add_missing(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows; those that break a uniqueness are there already and stay as they are."""
    if rows:
        connection.execute(insert(table).on_conflict_do_nothing(), list(rows))


def count_by(connection: Connection, table: Table, column: str) -> dict[str, int]:
    """Return how many rows there are of each value of a column."""
    by = table.c[column]
    return {str(value): number for value, number in connection.execute(select(by, func.count()).group_by(by))}


def changed(connection: Connection, table: Table, conditions: Sequence[Any], values: dict[str, Any]) -> int:
    """Change rows and return how many there were."""
    return connection.execute(update(table).where(*conditions).values(**values)).rowcount
