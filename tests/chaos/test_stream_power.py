"""The power fails at a hundred points of a log's life: what was acknowledged is there, and the log goes on."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest

from carecordon.model.stream import Outcome, Part
from carecordon.stream.backends import sqlite
from carecordon.stream.backends.on_sqlite import marks
from carecordon.stream.backends.on_sqlite.driver import Driver
from carecordon.stream.backends.sqlite import SqliteStream, open_stream
from tests.chaos.disk import Act, Cut, Disk, Made, Receipt, Synced, Wrote
from tests.chaos.recorder import Recorder, recording
from tests.stream.plain import MANY, NOW, numbers_of, pull_all

CUTS = 100
SEED = 5
PARTITIONS = 2
SENDERS = ("ward-1", "ward-2", "theatre-3", "lab-4")


@dataclass(frozen=True)
class Told:
    """A sender was told that these numbers are on disk."""

    sender: str
    first: int
    last: int


@dataclass(frozen=True)
class Done:
    """A consumer is done with these numbers, for good, and is about to say so."""

    partition: int
    position: int
    numbers: dict[tuple[str, int], list[int]]


@dataclass
class Life:
    """A log's life, drawn from a seed: published, read, acknowledged, trimmed and reopened."""

    recorder: Recorder
    driver: Driver
    rng: random.Random
    next: dict[str, int] = field(default_factory=dict)

    def live(self, turns: int) -> None:
        """Publish through two connections in turn, consume through a third."""
        publisher, other, worker = self._open(), self._open(), self._open()
        for turn in range(turns):
            self._publish(other if turn % 5 == 2 else publisher)
            if turn % 7 == 3:
                self._consume(worker)
            if turn % 11 == 5:
                (worker if turn % 2 else publisher).trim(["worker"])
            if turn % 60 == 59:
                for stream in (publisher, other, worker):
                    stream.close()
                publisher, other, worker = self._open(), self._open(), self._open()
        for stream in (publisher, other, worker):
            stream.close()

    def _open(self) -> SqliteStream:
        return open_stream(self.recorder.folder / "log.db", PARTITIONS, self.driver)

    def _publish(self, stream: SqliteStream) -> None:
        parts = []
        for sender in self.rng.sample(SENDERS, self.rng.randint(1, 3)):
            first = max(0, self.next.get(sender, 0) - self.rng.choice([0, 0, 0, 2]))
            last = first + self.rng.randint(2, 30)
            self.next[sender] = last + 1
            # One byte a number, as the plain log's parts have; every so often a big one, over many pages.
            parts.append(Part(sender, 7, first, last, bytes(number % 256 for number in range(first, last + 1))))
        padding = Part(
            "padding", 7, self.next.get("padding", 0), self.next.get("padding", 0), self.rng.randbytes(9_000)
        )
        self.next["padding"] = padding.first + 1
        stream.publish([*parts, padding] if self.rng.random() < 0.3 else parts, NOW)
        for part in parts:
            self.recorder.receipt(Told(part.sender, part.first, part.last))

    def _consume(self, stream: SqliteStream) -> None:
        for partition in range(stream.partitions):
            entries = stream.pull(partition, stream.acked("worker", partition), 2_000)
            if entries:
                taken = [entry for entry in entries if entry.part.sender != "padding"]
                self.recorder.receipt(Done(partition, entries[-1].position, numbers_of(taken)))
                stream.ack("worker", partition, entries[-1].position)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a short life as eventful as a long one."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_AT", 150_000)
    monkeypatch.setattr(sqlite, "FREE_PAGES", 4)
    monkeypatch.setattr(sqlite, "GIVEN_PAGES", 8)
    monkeypatch.setattr(sqlite, "TRIM_GROUPS", 5)
    monkeypatch.setattr(sqlite, "TRIM_ROUNDS", 2)
    monkeypatch.setattr(sqlite, "TRIM_PAUSE_S", 0)
    monkeypatch.setattr(marks, "FOLD_AT", 12)
    monkeypatch.setattr(marks, "CACHED", 2)


def record(folder: Path, weaken: type[apsw.Connection] | None = None, turns: int = 240) -> list[Act]:
    """Return the acts of one life; `weaken` puts another connection under it."""
    folder.mkdir()
    with recording(folder) as recorder:
        driver = recorder.driver()
        if weaken is not None:
            vfs = recorder._vfs.name
            driver = Driver(lambda path: weaken(str(path), vfs=vfs), apsw.Error, recorder.sync)
        Life(recorder, driver, random.Random(SEED)).live(turns)
        return list(recorder.acts)


def cut_points(acts: list[Act]) -> list[int]:
    """Return where the power fails: half of them right behind a receipt, half anywhere."""
    rng = random.Random(SEED)
    behind = [number + 1 for number, act in enumerate(acts) if isinstance(act, Receipt)]
    return sorted(rng.sample(behind, CUTS // 2) + rng.sample(range(len(acts)), CUTS - CUTS // 2))


def lost(folder: Path, receipts: list[object]) -> list[str]:
    """Return what is missing of what was acknowledged, once the power is back; the log goes on besides."""
    held: dict[tuple[str, int], set[int]] = {}
    done = dict.fromkeys(range(PARTITIONS), 0)
    for receipt in receipts:
        if isinstance(receipt, Done):
            done[receipt.partition] = receipt.position
            for key, numbers in receipt.numbers.items():
                assert not held.setdefault(key, set()).intersection(numbers), "given twice"
                held[key].update(numbers)
    missing = []
    with closing(open_stream(folder / "log.db", PARTITIONS)) as stream:
        for partition, position in done.items():
            assert stream.acked("worker", partition) <= position
        entries = [entry for entry in pull_all(stream) if entry.part.sender != "padding"]
        fresh = [entry for entry in entries if entry.position > done[stream.partition_of(entry.part.sender)]]
        for key, numbers in numbers_of(fresh).items():
            assert len(numbers) == len(set(numbers)), "kept twice"
            assert not held.setdefault(key, set()).intersection(numbers), "kept twice"
            held[key].update(numbers)
        all_told = [receipt for receipt in receipts if isinstance(receipt, Told)]
        again = [Part(told.sender, 7, told.first, told.last, bytes(told.last + 1 - told.first)) for told in all_told]
        for told, came in zip(all_told, stream.publish(again, NOW), strict=True):
            if not held.get((told.sender, 7), set()).issuperset(range(told.first, told.last + 1)):
                missing.append(f"{told}: not in the log")
            if came.outcome is not Outcome.ALREADY:
                missing.append(f"{told}: unknown")
        end = (stream.mark("ward-1", 7) or 0) + 1
        stream.publish([Part("ward-1", 7, end, end, b"x")], NOW)
        assert stream.pull(stream.partition_of("ward-1"), 0, MANY)[-1].part.data == b"x"
        stream.trim(["worker"])
        assert [damage for damage in stream.damaged() if damage.partition >= 0] == []
    shutil.rmtree(folder)
    return missing


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("some", [False, True], ids=["unsynced writes are gone", "any of them are there"])
def test_a_power_cut_loses_nothing_that_was_acknowledged(quick_path: Path, some: bool) -> None:
    acts = record(quick_path / "life")
    disk, at = Disk(), 0
    rng = random.Random(SEED)
    points = cut_points(acts)
    for number, point in enumerate(points):
        disk.apply(acts[at:point])
        at = point
        folder = quick_path / f"cut-{number}"
        disk.write_to(folder, rng if some else None)
        assert lost(folder, disk.receipts) == [], f"cut {number} at act {point} of {len(acts)}"
    assert len(points) == CUTS


@pytest.mark.usefixtures("small")
def test_the_recorded_life_is_eventful(quick_path: Path) -> None:
    acts = record(quick_path / "life")
    assert sum(act == Synced("log.db") for act in acts) > 10  # checkpoints
    assert sum(isinstance(act, Cut) and act.name == "log.db" for act in acts) > 2  # space given back
    assert sum(act == Made("log.db-wal") for act in acts) == 5  # closed and opened again
    assert (
        sum(isinstance(act, Wrote) and act.name == "log.db-wal" and act.offset == 0 for act in acts) > 15
    )  # begun anew


@pytest.mark.usefixtures("small")
def test_the_rig_sees_a_log_that_acknowledges_too_early(quick_path: Path) -> None:
    """Without the fsync behind each commit, the same cuts find acknowledged numbers missing."""

    class Hasty(apsw.Connection):
        """Takes every FULL for a NORMAL."""

        def execute(self, statements: str, *rest: Any, **named: Any) -> apsw.Cursor:
            return super().execute(statements.replace("synchronous = FULL", "synchronous = NORMAL"), *rest, **named)

    acts = record(quick_path / "life", Hasty, turns=60)
    disk, at, missing = Disk(), 0, 0
    for number, point in enumerate(number + 1 for number, act in enumerate(acts) if isinstance(act, Receipt)):
        disk.apply(acts[at:point])
        at = point
        if number % 10 == 0:
            disk.write_to(quick_path / f"cut-{number}")
            missing += len(lost(quick_path / f"cut-{number}", disk.receipts))
    assert missing > 0
