"""The disk whose power fails does what a disk does, and SQLAlchemy is recorded like anybody else."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.chaos.dbapi import clothe
from tests.chaos.disk import Cut, Disk, FolderSynced, Made, Receipt, Removed, Synced, Wrote
from tests.chaos.recorder import recording

DEVICES = Table("devices", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text, unique=True))


def found(disk: Disk, folder: Path, rng: random.Random | None = None) -> dict[str, bytes]:
    disk.write_to(folder, rng)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_what_was_synced_is_there(quick_path: Path) -> None:
    disk = Disk()
    disk.apply([Made("a"), Wrote("a", 2, b"xy"), FolderSynced(), Synced("a"), Wrote("a", 0, b"zz"), Cut("a", 1)])
    assert found(disk, quick_path / "1") == {"a": b"\0\0xy"}
    disk.apply([Synced("a"), Made("b"), Wrote("b", 0, b"b"), Synced("b")])
    assert found(disk, quick_path / "2") == {"a": b"z"}  # b's name is not on disk
    disk.apply([FolderSynced(), Removed("a"), Receipt("told")])
    assert found(disk, quick_path / "3") == {"a": b"z", "b": b"b"}
    disk.apply([FolderSynced()])
    assert (found(disk, quick_path / "4"), disk.receipts) == ({"b": b"b"}, ["told"])


def test_any_of_the_rest_may_be_there_sector_by_sector(quick_path: Path) -> None:
    disk = Disk()
    disk.apply([Made("a"), FolderSynced(), Wrote("a", 0, b"1" * 2_048), Synced("a"), Wrote("a", 0, b"2" * 2_048)])
    rng = random.Random(3)
    seen = set()
    for number in range(60):
        data = found(disk, quick_path / str(number), rng)["a"]
        sectors = [data[start : start + 512] for start in range(0, 2_048, 512)]
        assert all(sector in (b"1" * 512, b"2" * 512) for sector in sectors)
        seen.add(bytes(sector[0] for sector in sectors))
    assert {b"1111", b"2222"} < seen
    assert len(seen) > 6


def engine_of(path: Path, synchronous: str) -> Engine:
    """Return an engine that begins its transactions itself, as the register's does."""
    engine = create_engine(f"sqlite:///{path}")

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


@pytest.mark.parametrize(("synchronous", "is_safe"), [("FULL", True), ("NORMAL", False)])
def test_sqlalchemy_is_recorded(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str, is_safe: bool
) -> None:
    life = quick_path / "life"
    life.mkdir()
    with recording(life) as recorder, monkeypatch.context() as patch:
        clothe(patch, recorder)
        engine = engine_of(life / "register.db", synchronous)
        DEVICES.metadata.create_all(engine)
        for number in range(30):
            with engine.begin() as connection:
                connection.execute(insert(DEVICES), [{"id": number, "name": f"ward-{number}"}])
            recorder.receipt(number)
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(DEVICES), [{"id": 99, "name": "ward-1"}])
        with engine.begin() as connection:
            assert connection.execute(select(DEVICES.c.name).where(DEVICES.c.id == 7)).scalar() == "ward-7"
            assert connection.execute(select(DEVICES.c.name).where(DEVICES.c.id == -1)).scalar() is None
            assert connection.execute(DEVICES.delete().where(DEVICES.c.id > 27)).rowcount == 2
            connection.rollback()
        engine.dispose()
        acts = list(recorder.acts)
    missing = 0
    disk, at = Disk(), 0
    for point in [number + 1 for number, act in enumerate(acts) if isinstance(act, Receipt)]:
        disk.apply(acts[at:point])
        at = point
        disk.write_to(quick_path / str(point))
        missing += len(set(disk.receipts) - set(names_in(quick_path / str(point) / "register.db")))
    assert (missing == 0) == is_safe


def names_in(path: Path) -> list[int]:
    engine = engine_of(path, "FULL")
    try:
        with engine.begin() as connection:
            return list(connection.execute(select(DEVICES.c.id)).scalars())
    except OperationalError:  # not even the table is there
        return []
    finally:
        engine.dispose()
