"""A log that is damaged gives what is left of it, says what is not, and never gives what was not put in."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from carecordon.model.errors import TheirFault
from carecordon.model.stream import Entry, Outcome, Part
from carecordon.stream.backends.on_sqlite.driver import STANDARD
from carecordon.stream.backends.on_sqlite.wal import FRAME_HEAD, HEAD, dropped
from carecordon.stream.backends.sqlite import SqliteStream, open_stream
from tests.stream.plain import MANY, NOW, pull_all

FLIPS = 60
FRAME = FRAME_HEAD + 4_096


def fill(stream: SqliteStream, calls: int) -> list[Part]:
    """Publish, in groups of one to three parts, and return what was published."""
    rng = random.Random(calls)
    done = []
    for number in range(calls):
        senders = rng.sample(["ward-1", "ward-2", "theatre-3", "lab-4"], rng.randint(1, 3))
        parts = [
            Part(sender, 7, 2 * number, 2 * number + 1, rng.randbytes(rng.randint(50, 1_500))) for sender in senders
        ]
        stream.publish(parts, NOW)
        done += parts
    return done


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Part]]:
    """Return a folder with a log that was closed: all of it is in the one file."""
    folder = tmp_path_factory.mktemp("closed")
    with closing(open_stream(folder / "log.db", 2)) as stream:
        parts = fill(stream, 60)
    return folder, parts


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Part]]:
    """Return a folder with a log whose process was cut off: most of it is in the write-ahead log."""
    folder, copy = tmp_path_factory.mktemp("life"), tmp_path_factory.mktemp("cut-off")
    with closing(open_stream(folder / "log.db", 2)) as stream:
        parts = fill(stream, 60)
        for path in folder.glob("log.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, copy)
    return copy, parts


@contextmanager
def copied(folder: Path, to: Path) -> Iterator[Path]:
    shutil.copytree(folder, to)
    yield to
    shutil.rmtree(to)


def flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        old = file.read(1)[0]
        file.seek(at)
        file.write(bytes([old ^ 1 << bit]))


def is_told(log: Path, parts: list[Part]) -> str:
    """Return how a damaged log tells of it, '' where it gives all there was; fail where it is silent or makes it up."""
    try:
        stream = open_stream(log, 2)
    except (TheirFault, OSError) as fault:
        return f"opening: {fault}"
    with closing(stream):
        try:
            entries = pull_all(stream)
        except OSError as fault:
            return f"reading: {fault}"
        _same_or_less(entries, parts)
        if len(entries) < len(parts):
            assert stream.damaged() != [], "something is missing and nobody is told"
        try:
            outcomes = [one.outcome for one in stream.publish(parts, NOW)]
        except OSError as fault:
            return f"publishing: {fault}"
        if set(outcomes) != {Outcome.ALREADY}:
            assert stream.damaged() != [], "something is unknown and nobody is told"
        return "; ".join(damage.reason for damage in stream.damaged())


def _same_or_less(entries: list[Entry], parts: list[Part]) -> None:
    given = [entry.part for entry in entries]
    assert all(part in parts for part in given), "what was never published"
    assert all(entry.skip == entry.drop == 0 and entry.received == NOW for entry in entries)


@pytest.mark.parametrize("which", ["closed", "cut_off"])
def test_no_flipped_bit_is_silent(which: str, request: pytest.FixtureRequest, quick_path: Path) -> None:
    folder, parts = request.getfixturevalue(which)
    name = "log.db" if which == "closed" else "log.db-wal"
    size = (folder / name).stat().st_size
    rng = random.Random(11)
    told = 0
    for number in range(FLIPS):
        with copied(folder, quick_path / "copy") as copy:
            at = rng.randrange(max(0, size - 65_536) if number % 2 else 0, size)
            flip(copy / name, at, rng.randrange(8))
            told += bool(is_told(copy / "log.db", parts))
    assert told > FLIPS // 3


def test_a_damaged_part_costs_no_other(closed: tuple[Path, list[Part]], quick_path: Path) -> None:
    folder, parts = closed
    hit = parts[20]
    with copied(folder, quick_path / "copy") as copy:
        flip(copy / "log.db", (copy / "log.db").read_bytes().index(hit.data[:32]), 3)
        with closing(open_stream(copy / "log.db", 2)) as stream:
            assert {entry.part.data for entry in pull_all(stream)} == {part.data for part in parts if part is not hit}
            (damage,) = stream.damaged()
            assert damage.partition == stream.partition_of(hit.sender)
            assert damage.reason.startswith(f"{hit.sender!r} epoch 7, {hit.first} to {hit.last}: its checksum")
            assert {one.outcome for one in stream.publish(parts, NOW)} == {Outcome.ALREADY}


def test_pages_that_cannot_be_read_cost_no_others(closed: tuple[Path, list[Part]], quick_path: Path) -> None:
    """A page with nothing but garbage in it: its groups are told, all others come out and new ones go in."""
    folder, parts = closed
    pages = (folder / "log.db").stat().st_size // 4_096
    reasons = []
    for page in range(1, pages, 2):
        with copied(folder, quick_path / "copy") as copy:
            with (copy / "log.db").open("r+b") as file:
                file.seek(page * 4_096)
                file.write(b"\xa5" * 4_096)
            told = is_told(copy / "log.db", parts)
            reasons.append(told)
    assert sum("cannot be read" in reason for reason in reasons) > pages // 4


def test_a_torn_end_of_the_write_ahead_log_is_told(cut_off: tuple[Path, list[Part]], quick_path: Path) -> None:
    folder, parts = cut_off
    size = (folder / "log.db-wal").stat().st_size
    for less in (1, 100, 4_000, 4_110, 3 * FRAME + 7, size - 33):
        with copied(folder, quick_path / "copy") as copy:
            with (copy / "log.db-wal").open("r+b") as file:
                file.truncate(size - less)
            assert "does not check" in is_told(copy / "log.db", parts)


def test_a_write_ahead_log_that_was_merely_unfinished_is_not_told(
    cut_off: tuple[Path, list[Part]], quick_path: Path
) -> None:
    """What was being written when the process was killed checks and has no commit: nothing acknowledged is in it."""
    folder, parts = cut_off
    with copied(folder, quick_path / "copy") as copy:
        log = copy / "log.db-wal"
        whole = log.read_bytes()
        ends = [
            start
            for start in range(HEAD, len(whole), FRAME)
            if whole[start + 4 : start + 8] != bytes(4)  # the frame ends a commit
        ]
        log.write_bytes(whole[: ends[-1]])  # the last commit has lost its last frame
        with closing(open_stream(copy / "log.db", 2)) as stream:
            assert len(pull_all(stream)) < len(parts)
            assert stream.damaged() == []


def test_nothing_is_said_of_a_write_ahead_log_that_is_not_there_or_empty(quick_path: Path) -> None:
    path = quick_path / "log.db-wal"
    assert dropped(path, 0) is None
    for size in (0, 20, 32):
        path.write_bytes(bytes(size))
        assert dropped(path, 0) is None
    path.write_bytes(bytes(33))
    assert "head" in str(dropped(path, 0))


def test_damaged_bounds_never_give_a_position_twice(quick_path: Path) -> None:
    path = quick_path / "log.db"
    with closing(open_stream(path, 1)) as stream:
        fill(stream, 5)
        stream.ack("worker", 0, 5)
        stream.trim(["worker"])
        stream._connection.execute("UPDATE bounds SET state = X'0011223344'")
    with closing(open_stream(path, 1)) as stream:
        stream.publish([Part("new", 7, 0, 0, b"x")], NOW)
        assert [entry.position for entry in stream.pull(0, 0, MANY)] == [6]
        assert [damage.reason for damage in stream.damaged()] != []


def test_a_damaged_acknowledgement_brings_everything_again(quick_path: Path) -> None:
    path = quick_path / "log.db"
    with closing(open_stream(path, 1)) as stream:
        fill(stream, 5)
        stream.ack("worker", 0, 5)
        stream._connection.execute("UPDATE acks SET state = X'0011223305'")
    with closing(open_stream(path, 1)) as stream:
        assert stream.acked("worker", 0) == 0
        assert "'worker'" in stream.damaged()[0].reason
        stream.ack("worker", 0, 5)
        assert stream.acked("worker", 0) == 5


def test_a_commit_that_was_seen_before_its_fsync_is_put_on_disk_by_who_opens_next(quick_path: Path) -> None:
    """What a killed writer left is seen by others at once: a number told as `already` must be on disk as well."""
    synced: list[Path] = []
    with closing(open_stream(quick_path / "log.db", 1)) as stream:
        fill(stream, 1)
        driver = STANDARD.__class__(STANDARD.connect, STANDARD.fault, synced.append)
        open_stream(quick_path / "log.db", 1, driver).close()
    assert synced == [quick_path / "log.db"]
