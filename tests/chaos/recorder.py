"""Writes down every act of SQLite on the files of a folder, under the very same SQL, so that power cuts are replayed.

`connect` gives an `apsw` connection whose files are watched; `tests/chaos/dbapi.py` makes of it what SQLAlchemy takes.
Source: apsw, Virtual File System (rogerbinns.github.io/apsw/vfs.html, 3.54).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from carecordon.stream.backends.on_sqlite.driver import BUSY_S, STANDARD, Connection, Driver
from tests.chaos.disk import Act, Cut, FolderSynced, Made, Receipt, Removed, Synced, Wrote

_COUNT = itertools.count()


class Recorder:
    """What happened in a folder that was empty at first. One process; any number of connections."""

    def __init__(self, folder: Path) -> None:
        """Watch what SQLite does in `folder` from now on."""
        self.folder = folder
        self.acts: list[Act] = []
        self._known: set[str] = set()
        self._fresh: set[str] = set()
        self._vfs = _Watching(f"recorder-{next(_COUNT)}", self)

    def connect(self, path: Path) -> apsw.Connection:
        """Return a connection that begins no transaction by itself; all that it writes is written down."""
        connection = apsw.Connection(str(path), vfs=self._vfs.name)
        connection.set_busy_timeout(int(BUSY_S * 1000))
        return connection

    def receipt(self, what: object) -> None:
        """Write down that somebody was told now that something is on disk."""
        self.acts.append(Receipt(what))

    def sync(self, path: Path) -> None:
        """Put a database's write-ahead log and its folder on disk, as a stream does when it is opened."""
        STANDARD.sync(path)
        log = f"{path.name}-wal"
        if log in self._known:
            self.acts.append(Synced(log))
        self.acts.append(FolderSynced())

    def driver(self) -> Driver:
        """Return what opens a stream so that it is recorded."""

        def connect(path: Path) -> Connection:
            return self.connect(path)

        return Driver(connect, apsw.Error, self.sync)

    def close(self) -> None:
        """Watch no longer."""
        self._vfs.unregister()

    def made(self, name: str) -> None:
        """Write down that a file is there, if it is new."""
        if name not in self._known:
            self._known.add(name)
            self._fresh.add(name)
            self.acts.append(Made(name))

    def removed(self, name: str, *, is_synced: bool) -> None:
        """Write down that a file is gone."""
        if name in self._known:
            self._known.discard(name)
            self.acts.append(Removed(name))
            if is_synced:
                self.acts.append(FolderSynced())

    def synced(self, name: str) -> None:
        """Write down that a file was put on disk.

        SQLite puts the folder on disk with the first sync of a journal or write-ahead log that it has made.
        """
        self.acts.append(Synced(name))
        if name in self._fresh and name.endswith(("-wal", "-journal")):
            self.acts.append(FolderSynced())
        self._fresh.discard(name)


class _Watching(apsw.VFS):
    """SQLite's own way to files, watched."""

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.name = name
        self._recorder = recorder
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # apsw calls it so
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _Watched(self._recorder, None if path is None else Path(path), name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  # apsw calls it so
        super().xDelete(filename, syncdir)
        self._recorder.removed(Path(filename).name, is_synced=bool(syncdir))


class _Watched(apsw.VFSFile):
    """A file, watched if it has a name in the folder (temporary files have none)."""

    def __init__(
        self, recorder: Recorder, path: Path | None, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._recorder = recorder
        self._name = path.name if path is not None and path.parent == recorder.folder else None
        if self._name is not None:
            recorder.made(self._name)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # apsw calls it so
        super().xWrite(data, offset)
        if self._name is not None:
            self._recorder.acts.append(Wrote(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  # apsw calls it so
        super().xTruncate(newsize)
        if self._name is not None:
            self._recorder.acts.append(Cut(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802  # apsw calls it so
        super().xSync(flags)
        if self._name is not None:
            self._recorder.synced(self._name)


@contextmanager
def recording(folder: Path) -> Iterator[Recorder]:
    """Watch a folder for the length of the block."""
    recorder = Recorder(folder)
    try:
        yield recorder
    finally:
        recorder.close()
