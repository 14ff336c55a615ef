"""What stands in the file of a log, how one is made, and how one is told from any other file."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import NamedTuple

import msgspec

from carecordon.model.errors import TheirFault
from carecordon.stream.backends.on_sqlite.driver import Connection, Driver, as_os_error, is_damage
from carecordon.stream.frame import seal, unseal

APPLICATION = 0x43_43_6C_67
VERSION = 1
PARTITION_BITS = 48
"""A row's number is its partition, then in so many bits its position: each partition's groups lie side by side."""
MAX_PARTITIONS = 1_024
MAX_WAL = 64 * 1024 * 1024
"""Bytes to which the write-ahead log is cut back when it starts anew."""
ABOUT = b"about"
SETTINGS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",
    f"journal_size_limit = {MAX_WAL}",
    # Some builds write zeros over what is deleted, which doubles the writes; the events are in the store anyway.
    "secure_delete = OFF",
)

TABLES = (
    "CREATE TABLE about (state BLOB NOT NULL)",
    # One row a group; what has to be read often stands before its data, so that the data need not be.
    """CREATE TABLE log (id INTEGER PRIMARY KEY, received INTEGER NOT NULL, parts INTEGER NOT NULL,
    size INTEGER NOT NULL, heads BLOB NOT NULL, data BLOB NOT NULL)""",
    "CREATE TABLE bounds (partition INTEGER PRIMARY KEY, state BLOB NOT NULL)",
    """CREATE TABLE marks (sender TEXT NOT NULL, epoch INTEGER NOT NULL, touched INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (sender, epoch)) WITHOUT ROWID""",
    """CREATE TABLE acks (consumer TEXT NOT NULL, partition INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (consumer, partition)) WITHOUT ROWID""",
)


class About(NamedTuple):
    """What a log says of itself."""

    partitions: int
    epoch: int


def row_id(partition: int, position: int) -> int:
    """Return the number of a group's row."""
    return partition << PARTITION_BITS | position


def position_of(row: int) -> int:
    """Return the position that a row's number holds."""
    return row & ((1 << PARTITION_BITS) - 1)


def open_file(path: Path, partitions: int | None, driver: Driver) -> tuple[Connection, About]:
    """Return a connection to the log and what it says of itself; make it where there is none and `partitions` is given.

    Raises TheirFault where the file is no log of ours or not as asked for, OSError where it cannot be read.
    """
    if partitions is not None and not 1 <= partitions <= MAX_PARTITIONS:
        raise TheirFault(f"{path}: a log has 1 to {MAX_PARTITIONS} partitions, not {partitions}")
    if not path.is_file():
        if partitions is None:
            raise TheirFault(f"{path}: there is no log here; `carecordon hub init` makes one")
        if not path.parent.is_dir():
            raise TheirFault(f"{path}: its folder is not there; make it first")
        path.touch(mode=0o600)
    connection = None
    try:
        connection = driver.connect(path)
        about = _read(connection, path, partitions)
    except BaseException as fault:
        if connection is not None:
            connection.close()
        if not isinstance(fault, driver.fault):
            raise
        if is_damage(fault):
            raise TheirFault(f"{path}: this is no log, or a damaged one ({fault}); restore it from a backup") from fault
        raise as_os_error(fault, path) from fault
    return connection, about


def _read(connection: Connection, path: Path, partitions: int | None) -> About:
    if _is_new(connection):
        if partitions is None:
            raise TheirFault(f"{path}: the log was never finished; remove it and make it again")
        _make(connection, partitions)
    application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
    if application != APPLICATION:
        raise TheirFault(f"{path}: this is a database, but no log of ours; name another file")
    if version != VERSION:
        raise TheirFault(f"{path}: a log of version {version}, this release reads {VERSION}: run the release it is of")
    for pragma in SETTINGS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    row = connection.execute("SELECT CAST(state AS BLOB) FROM about").fetchone()
    raw = unseal(ABOUT, row[0] if row else None)
    if raw is None:
        raise TheirFault(f"{path}: the log does not say how many partitions it has; restore it from a backup")
    about = msgspec.msgpack.decode(raw, type=About)
    if partitions not in (None, about.partitions):
        raise TheirFault(
            f"{path}: the log has {about.partitions} partitions, not {partitions}: that is fixed when it is made"
        )
    return about


def _is_new(connection: Connection) -> bool:
    return (
        _pragma(connection, "application_id") == 0
        and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    )


def _make(connection: Connection, partitions: int) -> None:
    """Make the tables, once, whoever comes first; a power cut leaves either all of it or a file that is still new."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL").fetchall()
    for pragma in SETTINGS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    if _is_new(connection):
        about = About(partitions, secrets.randbits(63))
        for table in TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO about VALUES (?)", (seal(ABOUT, msgspec.msgpack.encode(about)),))
        connection.execute(f"PRAGMA application_id = {APPLICATION}").fetchall()
        connection.execute(f"PRAGMA user_version = {VERSION}").fetchall()
    connection.execute("COMMIT")


def _pragma(connection: Connection, name: str) -> int:
    rows = connection.execute(f"PRAGMA {name}").fetchall()
    return int(rows[0][0])
