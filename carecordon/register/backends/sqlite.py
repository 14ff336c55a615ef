"""The register in one SQLite file: several processes at once, each commit on disk before it is told.

Who writes holds a lock of our own first (`register.db.turn`), and so does who copies the write-ahead log back; SQLite
does not do that by itself here. SQLite before 3.51.3 may damage a file when one process copies the log back while
another begins it anew (sqlite.org/wal.html, "The WAL-Reset Bug", 2026): with the lock these two never meet.

Who waits for that lock holds another meanwhile (`register.db.next`), which who comes back for the next turn needs too:
so nobody who writes in a loop keeps the others out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

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
COPY_BACK_AT = 16 * 1024 * 1024
"""Bytes of write-ahead log at which it is copied back: all wait for that, and what was written often is copied once."""
FIRST_WAIT_S, MOST_WAIT_S = 0.0005, 0.002
NAME_BYTES = 64
"""How much of the lock's file tells who has it."""
_T = TypeVar("_T")


class Turn:
    """The lock that who writes holds: one at a time over all processes and threads."""

    def __init__(self, path: Path) -> None:
        """Lock beside the database at `path`."""
        self._path = path
        self._lock = path.with_name(f"{path.name}.turn")
        self._next = path.with_name(f"{path.name}.next")
        self._log = path.with_name(f"{path.name}-wal")

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the lock while the `with` lasts. Raises OSError (EAGAIN) after 30 s of waiting for another."""
        with self._opened(self._lock) as descriptor:
            self._take(descriptor)
            yield
            with suppress(OSError, sqlite3.Error):  # what fails here loses nothing and is tried again
                if self._log.stat().st_size >= COPY_BACK_AT:
                    self._copy_back("TRUNCATE")

    def copy_back(self) -> bool:
        """Copy the write-ahead log back, so that nothing is in it alone; return whether all of it was."""
        with self(), suppress(sqlite3.Error):
            busy, frames, copied = self._copy_back("FULL")
            return not busy and frames == copied
        return False

    def look_at_log(self, look: Callable[[Path, int], _T]) -> _T | None:
        """Return what `look` finds while nobody writes. What is whole is copied back, so that it is met once."""
        with self(), closing(self._plain()) as connection:
            _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return look(self._log, int(frames)) if frames >= 0 else None

    def _take(self, descriptor: int) -> None:
        until = time.monotonic() + BUSY_S
        with self._opened(self._next) as place:
            for one, path in ((place, self._next), (descriptor, self._lock)):
                if not _locked(one, until):
                    text = f"another process has been writing for 30 s (it is {self._holder()})"
                    raise OSError(errno.EAGAIN, text, str(path))
        with suppress(OSError):  # a full disk keeps nobody from his turn
            name = f"{os.getpid()} {threading.current_thread().name}".encode()
            os.pwrite(descriptor, name[:NAME_BYTES].ljust(NAME_BYTES), 0)

    def _holder(self) -> str:
        """Return the process and thread that took the lock last."""
        return self._lock.read_bytes()[:NAME_BYTES].decode(errors="replace").strip() or "of an older release"

    @staticmethod
    @contextmanager
    def _opened(path: Path) -> Iterator[int]:
        # A file description of its own each time: such locks are between descriptions, so threads are kept apart too.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _plain(self) -> sqlite3.Connection:
        # Nobody else writes now, so there is nothing to wait for but readers, and these are not waited for.
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _copy_back(self, how: str) -> tuple[int, int, int]:
        with closing(self._plain()) as connection:
            busy, frames, copied = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        return busy, frames, copied


def prepare(place: str) -> None:
    """Make the file (0600) and its tables, or bring those of an older program up to date."""
    path = Path(place)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = _engine(path)
    with _faults(place), Turn(path)():
        with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as plain:
            plain.execute("PRAGMA journal_mode = WAL")
        try:
            with engine.execution_options(**{WRITES: True}).begin() as connection:
                if _version(connection) != REVISION:
                    from carecordon.register.backends.sql.migrate import upgrade  # noqa: PLC0415  # most starts need none

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
    turn = Turn(path)
    return opened(Door(engine, turn), lambda: _integrity(engine), turn.copy_back)


def look_at_log(place: str, look: Callable[[Path, int], _T]) -> _T | None:
    """Return what `look` says of the write-ahead log, of which SQLite takes so many frames for whole.

    Raises TheirFault where the file is none of SQLite's, OSError where it cannot be read now.
    """
    path = Path(place)
    with _faults(place):
        return Turn(path).look_at_log(look) if path.exists() else None


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


def _locked(descriptor: int, until: float) -> bool:
    """Take the lock, or return False at that time: one that hangs must not hang all others."""
    wait = FIRST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(wait)
            wait = min(MOST_WAIT_S, 2 * wait)
        else:
            return True


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


def _version(connection: Connection) -> str | None:
    """Return which step the tables are at, None where there are none."""
    tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
    has: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if tables else None
    return has


def _check_version(connection: Connection, place: str) -> None:
    has = _version(connection)
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
