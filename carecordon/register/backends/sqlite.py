"""The register in one SQLite file: several processes at once, each commit on disk before it is told.

Who writes holds a lock of our own first (`register.db.turn`), and so does who copies the write-ahead log back; SQLite
does not do that by itself here. SQLite before 3.51.3 may damage a file when one process copies the log back while
another begins it anew (sqlite.org/wal.html, "The WAL-Reset Bug", 2026): with the lock these two never meet.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from carecordon.model.errors import TheirFault
from carecordon.register.backend import Backend
from carecordon.register.backends.sql.door import WRITES, Door
from carecordon.register.backends.sql.opening import opened
from carecordon.register.backends.sql.revision import REVISION, newer
from carecordon.register.register import Register

BUSY_S = 30.0
CHECKED = 100
"""Findings of an integrity check that are told."""
COPY_BACK_AT = 4 * 1024 * 1024
"""Bytes of write-ahead log at which it is copied back."""
FIRST_WAIT_S, MOST_WAIT_S = 0.0005, 0.01


class Turn:
    """The lock that who writes holds: one at a time over all processes and threads."""

    def __init__(self, path: Path) -> None:
        """Lock beside the database at `path`."""
        self._path = path
        self._lock = path.with_name(f"{path.name}.turn")
        self._log = path.with_name(f"{path.name}-wal")

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the lock while the `with` lasts. Raises OSError (EAGAIN) after 30 s of waiting for another."""
        # A file description of its own each time: such locks are between descriptions, so threads are kept apart too.
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, self._lock)
            yield
            self._copy_back()
        finally:
            os.close(descriptor)

    def _copy_back(self) -> None:
        """Copy the write-ahead log back where it is long; what fails here loses nothing and is tried again."""
        with suppress(OSError, sqlite3.Error):
            if self._log.stat().st_size < COPY_BACK_AT:
                return
            # Nobody else writes now, so there is nothing to wait for but readers, and these are not waited for.
            with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def prepare(place: str) -> None:
    """Make the file (0600) and its tables, or bring those of an older program up to date."""
    from carecordon.register.backends.sql.migrate import upgrade  # noqa: PLC0415  # half a second of every process's start

    path = Path(place)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = _engine(path)
    with _faults(place), Turn(path)():
        with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
        try:
            with engine.execution_options(**{WRITES: True}).begin() as connection:
                upgrade(connection, place)
        finally:
            engine.dispose()


def open_register(place: str) -> Register:
    """Open a file that is prepared."""
    path = Path(place)
    if not path.exists():
        raise TheirFault(f"{place}: there is no register here: make a hub with `carecordon hub init`")
    engine = _engine(path)
    with _faults(place), engine.begin() as connection:
        _check_version(connection, place)
    _sync(path)
    return opened(Door(engine, Turn(path)), lambda: _integrity(engine))


def door_of(path: Path) -> Door:
    """Return the way to a file that is prepared, for who looks at it from beneath."""
    return Door(_engine(path), Turn(path))


SQLITE = Backend("sqlite", prepare, open_register)


@contextmanager
def _faults(place: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as fault:
        raise TheirFault(f"{place}: the register cannot be used: {fault}") from fault


def _lock(descriptor: int, path: Path) -> None:
    """Take the lock, or raise OSError after 30 s: one that hangs must not hang all others."""
    until, wait = time.monotonic() + BUSY_S, FIRST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            if time.monotonic() > until:
                raise OSError(fault.errno, "another process has been writing for 30 s", str(path)) from fault
            time.sleep(wait)
            wait = min(MOST_WAIT_S, 2 * wait)
        else:
            return


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
        pool_size=5,
        max_overflow=20,
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def _connected(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, in the way we say
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA trusted_schema = OFF")


def _begun(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _check_version(connection: Connection, place: str) -> None:
    tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
    has = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if tables else None
    if has == REVISION:
        return
    if has is not None and has > REVISION:
        raise newer(place, has)
    raise TheirFault(f"{place}: its tables are those of an older Carecordon: `carecordon up` brings them up to date")


def _sync(path: Path) -> None:
    """Put on disk what can be read: a writer killed before its fsync leaves a commit that others see after a start.

    The database itself is not opened for it: closing it would let go of all locks that this process has on it.
    Source: sqlite.org/howtocorrupt.html, 2.2.
    """
    with suppress(FileNotFoundError), path.with_name(f"{path.name}-wal").open("rb") as file:
        os.fsync(file.fileno())


def _integrity(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        found = connection.exec_driver_sql(f"PRAGMA integrity_check({CHECKED})").scalars().all()
    return [] if found == ["ok"] else [str(one) for one in found]
