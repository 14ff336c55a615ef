"""How far each source was read: never beyond what is on disk in the spool, even after a crash or a power cut.

Before events go into the spool it is written down which numbers they will get and how far their sources will be then.
Whoever comes after a crash asks the spool for its highest number, and knows: what has lower numbers went to disk before
it. What was cut off half way is read again, so some of it may come twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

_TABLES = """
CREATE TABLE IF NOT EXISTS place (source TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coming (source TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spool (epoch TEXT NOT NULL, upto INTEGER NOT NULL);
"""
_SETTLE = "INSERT OR REPLACE INTO place SELECT source, position FROM coming"


class Place(NamedTuple):
    """How far a source is read: what that means is the source's own affair."""

    source: str
    position: str


class Counting(Protocol):
    """The count that tells what is on disk: see `agent/spool.py`."""

    @property
    def epoch(self) -> int:
        """Return the epoch of what comes next."""
        ...

    @property
    def next(self) -> int:
        """Return the number that the next event gets."""
        ...


class Positions:
    """The places of all sources, in a file of the state folder."""

    def __init__(self, path: Path, spool: Counting) -> None:
        """Open or make the file, and settle what was under way when the last process ended. Raises OSError."""
        try:
            self._is_kept = False
            """What is intended is in the spool, and could not be settled yet."""
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.executescript(_TABLES)
            self._resolve(spool)
        except sqlite3.Error as fault:
            is_full = getattr(fault, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            do = "make room on that disk" if is_full else "use another state folder"
            raise OSError(f"{path}: {fault}: {do}") from fault
        path.chmod(0o600)

    def at(self, source: str) -> str | None:
        """Return how far a source is read; None where it never was."""
        for table in ("coming", "place") if self._is_kept else ("place",):
            found = self._base.execute(f"SELECT position FROM {table} WHERE source = ?", (source,)).fetchone()  # noqa: S608  # one of the two names above
            if found is not None:
                return str(found[0])
        return None

    def intend(self, epoch: int, upto: int, places: Iterable[Place]) -> None:
        """Write down that these places are reached once the spool's next number of `epoch` is `upto` or more.

        Raises OSError where that cannot be written: then nothing may go into the spool.
        """
        try:
            self._base.execute("BEGIN IMMEDIATE")
            if self._is_kept:
                self._base.execute(_SETTLE)
            self._base.execute("DELETE FROM spool")
            self._base.execute("DELETE FROM coming")
            self._base.execute("INSERT INTO spool VALUES (?, ?)", (str(epoch), upto))
            self._base.executemany("INSERT OR REPLACE INTO coming VALUES (?, ?)", places)
            self._base.execute("COMMIT")
        except sqlite3.Error as fault:
            self._back()
            raise OSError(f"positions cannot be written: {fault}") from fault
        self._is_kept = False

    def kept(self) -> None:
        """Take in what was intended: it is in the spool. Should that fail now, it is made up for later."""
        self._is_kept = True
        try:
            self._base.execute("BEGIN IMMEDIATE")
            self._settle()
            self._base.execute("COMMIT")
        except sqlite3.Error:
            self._back()
        else:
            self._is_kept = False

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def _back(self) -> None:
        if self._base.in_transaction:
            self._base.execute("ROLLBACK")

    def _settle(self) -> None:
        self._base.execute(_SETTLE)
        self._base.execute("DELETE FROM coming")

    def _resolve(self, spool: Counting) -> None:
        under_way = self._base.execute("SELECT epoch, upto FROM spool").fetchone()
        self._base.execute("BEGIN IMMEDIATE")
        if under_way is not None and under_way[0] == str(spool.epoch) and spool.next >= under_way[1]:
            self._settle()
        self._base.execute("DELETE FROM coming")
        self._base.execute("COMMIT")
