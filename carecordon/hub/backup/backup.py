"""A backup of a hub while it runs: everything as it was at one moment, sealed to a passphrase, in one file.

For that moment nobody may write to the register: so no step of triage, no checkpoint of a worker and no trimming behind
one can come between the copies. They are taken afterwards, at leisure, each from the state that was held then.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from carecordon import __version__
from carecordon.hub.backup.archive import Draw, Head, Manifest, Writer
from carecordon.hub.backup.by_hand import by_hand
from carecordon.hub.backup.sealed import COST, lock_of
from carecordon.hub.backup.target import begin, check_room, check_target, part_of
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.keeper.frozen import BUSY
from carecordon.hub.trust.keyfile import FOLDER_MODE, sync_folder
from carecordon.model.errors import TheirFault
from carecordon.register.backends.sqlite import SQLITE

STAGING = "backup.tmp"
TELEMETRY = "telemetry"
REGISTER, FOUND, EVENTS = "register.db", "stream/found.db", "stream/events.db"
PAGES = 2_048
"""Pages copied at a time: the hub's own processes get a turn in between."""


class Store(Protocol):
    """The events, as a backup copies them."""

    def freeze(self) -> Path:
        """Hold what is there now, and return the folder that it stands still in. Quick: the whole hub waits."""
        ...

    def thaw(self) -> None:
        """Let go of what was held; called in any case."""
        ...


def backup(
    paths: Paths,
    target: Path,
    passphrase: str,
    now: int,
    store: Store | None = None,
    draw: Draw = secrets.token_bytes,
    cost: int = COST,
) -> Manifest:
    """Write a backup to `target`, which must not be there, and return what is in it. Works whether the hub runs or not.

    `cost` of stretching the passphrase: less is for tests alone.
    Raises TheirFault where it cannot be taken; then nothing stays behind.
    """
    settings = read_settings(paths.settings)
    check_target(paths, target)
    salt = draw(16)
    lock = lock_of(passphrase, salt, cost)
    with _staging(paths.data) as staging:
        begun = begin(paths, target)  # what lies there already is not ours to take away
        try:
            with begun as file, _held(paths, store) as (databases, frozen):
                plain = [*by_hand(paths, settings).items(), *_events(frozen)]
                _check_room(paths, target, [path for _, path in plain], settings.limits.reserve_bytes)
                writer = Writer(file, Head(now, settings.ods, salt.hex(), lock.cost), lock, draw)
                for name, source in databases:
                    copy = staging / "copy.db"
                    _copy(source, copy)
                    writer.add(name, copy)
                    copy.unlink()
                for name, path in plain:
                    writer.add(name, path)
                manifest = Manifest(now, __version__, settings.ods, frozen is not None, tuple(writer.entries))
                writer.finish(manifest)
            part_of(target).replace(target)
            sync_folder(target.parent)
        except BaseException as fault:
            with suppress(OSError):
                part_of(target).unlink(missing_ok=True)
            if isinstance(fault, OSError | sqlite3.Error):
                raise TheirFault(f"{target}: the backup was not taken: {fault}") from fault
            raise
    return manifest


@contextmanager
def _staging(data: Path) -> Iterator[Path]:
    """Yield an empty folder for copies, within the data, so that nothing lies open where the backup goes."""
    with (data / BUSY).open("ab") as busy:
        try:
            fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise TheirFault(f"{data}: another backup is being taken: wait for it") from fault
        folder = data / STAGING
        shutil.rmtree(folder, ignore_errors=True)  # of one that was cut off
        folder.mkdir(FOLDER_MODE)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(paths: Paths, store: Store | None) -> Iterator[tuple[list[tuple[str, sqlite3.Connection]], Path | None]]:
    """Yield the databases, each held as it was at one moment common to all, and the folder of events of that moment."""
    wanted = ((REGISTER, paths.register), (FOUND, paths.found), (EVENTS, paths.events))
    with ExitStack() as stack:
        register = SQLITE.open_register(str(paths.register))
        stack.callback(register.close)
        databases = []
        frozen = None
        with register.still():
            for name, path in wanted:
                if path.exists():
                    databases.append((name, stack.enter_context(closing(_snapshot(path)))))
            if store is not None:
                stack.callback(store.thaw)
                frozen = store.freeze()
        yield databases, frozen


def _snapshot(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the state is held from the first read on
    return connection


def _copy(source: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as target:
        source.backup(target, pages=PAGES, sleep=0)
    with suppress(sqlite3.OperationalError):
        source.execute("COMMIT")  # the log may grow no longer for our sake


def _events(frozen: Path | None) -> Iterator[tuple[str, Path]]:
    """Yield the files of the events that were held."""
    if frozen is None:
        return
    for path in sorted(frozen.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield f"{TELEMETRY}/{path.relative_to(frozen).as_posix()}", path


def _check_room(paths: Paths, target: Path, plain: Sequence[Path], reserve: int) -> None:
    databases = [path.stat().st_size for path in (paths.register, paths.found, paths.events) if path.exists()]
    size = sum(databases) + sum(path.stat().st_size for path in plain)
    check_room(paths, target, size, max(databases, default=0), reserve)
