"""The way to SQLite: the standard library's, or another that speaks like it, so that a test can record each write."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from carecordon.model.errors import OurFault

BUSY_S = 10.0
"""How long a writer waits for another."""
SQLITE_ERROR, SQLITE_CORRUPT, SQLITE_NOTADB = 1, 11, 26
_ERRNO = {
    3: errno.EACCES,  # SQLITE_PERM
    5: errno.EAGAIN,  # SQLITE_BUSY
    6: errno.EAGAIN,  # SQLITE_LOCKED
    7: errno.ENOMEM,  # SQLITE_NOMEM
    8: errno.EROFS,  # SQLITE_READONLY
    10: errno.EIO,  # SQLITE_IOERR
    11: errno.EIO,  # SQLITE_CORRUPT
    13: errno.ENOSPC,  # SQLITE_FULL
    14: errno.ENOENT,  # SQLITE_CANTOPEN
    26: errno.EIO,  # SQLITE_NOTADB
}
"""Source: SQLite, Result and Error Codes (sqlite.org/rescode.html, 2025)."""


class Cursor(Protocol):
    """What a statement gave."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def fetchone(self) -> Any:
        """Return the next row; None behind the last."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""
        ...

    def close(self) -> Any:
        """Let go of the rows that are left."""
        ...


class Connection(Protocol):
    """A connection that begins no transaction by itself."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def close(self) -> Any:
        """Let go of the file."""
        ...


@dataclass(frozen=True, slots=True)
class Driver:
    """How files are opened: `fault` is what its statements raise, `sync` puts what a log's files hold on disk."""

    connect: Callable[[Path], Connection]
    fault: type[Exception]
    sync: Callable[[Path], None]


def code_of(fault: Exception) -> int:
    """Return SQLite's primary code for what was raised; 0 where it has none."""
    code = getattr(fault, "sqlite_errorcode", getattr(fault, "extendedresult", 0))
    return code & 0xFF if isinstance(code, int) else 0


def is_damage(fault: Exception) -> bool:
    """Return whether the file is not what was written."""
    return code_of(fault) in (SQLITE_CORRUPT, SQLITE_NOTADB)


def as_os_error(fault: Exception, path: Path) -> Exception:
    """Return what to raise in its place: an OSError where the machine is at fault, OurFault where the statement is."""
    code = code_of(fault)
    if code not in _ERRNO:
        return OurFault(f"{path}: {fault}")
    if is_damage(fault):
        reason = f"the log is damaged ({fault}): keep a copy of its files and restore it from a backup"
    else:
        reason = f"the log cannot be used now: {fault}"
    return OSError(_ERRNO[code], reason, str(path))


def _connect(path: Path) -> Connection:
    # A caller may hand the object from thread to thread, one at a time.
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _sync(path: Path) -> None:
    """Put on disk the write-ahead log, if there is one, and that it is there."""
    for place in (path.with_name(f"{path.name}-wal"), path.parent):
        try:
            descriptor = os.open(place, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


STANDARD = Driver(_connect, sqlite3.Error, _sync)
