"""A log in a SQLite file keeps the contract, tells what is no log, and gives its space back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from carecordon.model.errors import OurFault, TheirFault
from carecordon.model.stream import Outcome, Part, Published, Stream
from carecordon.stream.backends import sqlite
from carecordon.stream.backends.on_sqlite import marks
from carecordon.stream.backends.sqlite import SQLITE, open_stream
from tests.stream.contract import Log, StreamContract
from tests.stream.places import quick_folder
from tests.stream.plain import MANY, NOW, ack_all, part, pull_all


class TestSqlite(StreamContract):
    """The contract, on SQLite."""

    @staticmethod
    @contextmanager
    def new_log() -> Iterator[Log]:
        opened: list[Stream] = []
        with quick_folder() as folder:

            def log(partitions: int = 1) -> Stream:
                opened.append(SQLITE.open(str(folder / "log.db"), partitions))
                return opened[-1]

            yield log
            for stream in opened:
                stream.close()


class TestSqliteWithLittleMemory(StreamContract):
    """The contract, where marks are folded at every turn and nearly none of them is remembered."""

    @staticmethod
    @contextmanager
    def new_log() -> Iterator[Log]:
        with pytest.MonkeyPatch.context() as patch, TestSqlite.new_log() as log:
            patch.setattr(marks, "FOLD_AT", 2)
            patch.setattr(marks, "CACHED", 1)
            yield log


def test_a_log_is_opened_with_the_partitions_it_has(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(open_stream(path, 3)):
        pass
    with closing(open_stream(path)) as stream:
        assert stream.partitions == 3
    with pytest.raises(TheirFault, match=r"log\.db: the log has 3 partitions, not 2"):
        open_stream(path, 2)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    missing, text, other, empty = (tmp_path / name for name in ("missing.db", "text.db", "other.db", "empty.db"))
    text.write_text("Dear all, this is no database. " * 200, "utf-8")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE patients (name TEXT)")
    empty.touch()
    for path, partitions, says in (
        (missing, None, "there is no log here"),
        (missing, 0, "1 to 1024 partitions"),
        (tmp_path / "no" / "folder.db", 1, "its folder is not there"),
        (text, 1, "this is no log"),
        (other, 1, "no log of ours"),
        (empty, None, "never finished"),
    ):
        with pytest.raises(TheirFault) as told:
            open_stream(path, partitions)
        assert says in str(told.value)
        assert str(path) in str(told.value)
    assert not missing.exists()


def test_a_log_of_another_version_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(open_stream(path, 1)) as stream:
        stream.publish([part("a", 0, 4)], NOW)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(TheirFault, match="a log of version 2, this release reads 1"):
        open_stream(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")
    with closing(open_stream(path, 1)) as stream:
        assert stream.mark("a", 7) == 4


def test_a_closed_log_says_that_it_is_closed(tmp_path: Path) -> None:
    stream = open_stream(tmp_path / "log.db", 1)
    stream.close()
    stream.close()
    with pytest.raises(OurFault, match="closed"):
        stream.publish([part("a", 0, 4)], NOW)


def test_a_full_disk_refuses_keeps_nothing_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    with closing(open_stream(tmp_path / "log.db", 2)) as stream:
        stream.publish([part("a", 0, 4)], NOW)
        (pages,) = stream._connection.execute("PRAGMA page_count").fetchone()
        stream._connection.execute(f"PRAGMA max_page_count = {pages + 20}").fetchall()
        big = [Part(f"device-{number}", 1, 0, 0, bytes(40_000)) for number in range(8)]
        for _ in range(3):
            with pytest.raises(OSError, match="full") as told:
                stream.publish([part("a", 5, 9), *big], NOW)
            assert told.value.errno == 28
            assert stream.mark("a", 7) == 4
            assert [entry.part for entry in pull_all(stream)] == [part("a", 0, 4)]
        assert stream.publish([part("a", 5, 6)], NOW) == [Published(Outcome.APPENDED, 5, 6)]
        stream._connection.execute("PRAGMA max_page_count = 1000000").fetchall()
        assert stream.publish([part("a", 5, 9), *big], NOW)[0] == Published(Outcome.APPENDED, 7, 9)
        assert len(pull_all(stream)) == 11


def test_a_writer_that_holds_the_log_for_too_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(open_stream(path, 1)) as stream, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        stream._connection.execute("PRAGMA busy_timeout = 10").fetchall()
        with pytest.raises(BlockingIOError, match="locked"):
            stream.publish([part("a", 0, 4)], NOW)
        other.execute("ROLLBACK")
        assert stream.publish([part("a", 0, 4)], NOW) == [Published(Outcome.APPENDED, 0, 4)]


def test_the_file_does_not_grow_for_ever_and_gives_back_what_it_no_longer_needs(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "FREE_PAGES", 100)
    monkeypatch.setattr(sqlite, "GIVEN_PAGES", 300)
    path = quick_path / "log.db"
    with closing(open_stream(path, 2)) as stream:

        def publish(turn: int) -> None:
            stream.publish([Part(f"device-{n}", 1, turn, turn, bytes(20_000)) for n in range(20)], NOW)

        sizes = []
        for turn in range(12):
            publish(turn)
            ack_all(stream, "worker")
            assert stream.trim(["worker"]) == 400_000
            stream._checkpoint()
            sizes.append(path.stat().st_size)
        assert max(sizes[4:]) <= max(sizes[:4]) < 1_200_000
        for turn in range(12, 22):
            publish(turn)
        stream._checkpoint()
        assert path.stat().st_size > 4_000_000
        ack_all(stream, "worker")
        assert [stream.trim(["worker"]) for _ in range(5)] == [4_000_000, 0, 0, 0, 0]
        stream._checkpoint()
        assert path.stat().st_size < 600_000
        assert stream.damaged() == []


def test_one_call_of_trim_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "TRIM_GROUPS", 2)
    monkeypatch.setattr(sqlite, "TRIM_ROUNDS", 2)
    monkeypatch.setattr(sqlite, "TRIM_PAUSE_S", 0)
    with closing(open_stream(tmp_path / "log.db", 1)) as stream:
        for number in range(10):
            stream.publish([part("a", number, number)], NOW)
        ack_all(stream, "worker")
        assert [stream.trim(["worker"]) for _ in range(4)] == [4, 4, 2, 0]


def test_memory_is_bounded_by_folding_and_a_million_epochs_lie_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "FOLD_AT", 50)
    monkeypatch.setattr(marks, "CACHED", 30)
    path = tmp_path / "log.db"
    with closing(open_stream(path, 1)) as stream:
        for turn in range(20):
            stream.publish([part(f"device-{turn}-{number}", 0, 3) for number in range(25)], NOW)
            known = stream._marks[0]
            assert len(known._recent) <= 75
            assert len(known._cache) <= 30
        again = [part(f"device-{turn}-{number}", 0, 3) for turn in range(20) for number in range(25)]
        assert set(stream.publish(again, NOW)) == {Published(Outcome.ALREADY, 4, 3)}
    with closing(open_stream(path, 1)) as stream:
        assert set(stream.publish(again, NOW)) == {Published(Outcome.ALREADY, 4, 3)}


def test_a_sender_that_invents_epochs_forgets_its_own_oldest_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "FOLD_AT", 8)
    monkeypatch.setattr(marks, "EPOCHS_KEPT", 5)
    with closing(open_stream(tmp_path / "log.db", 1)) as stream:
        stream.publish([part("good", 0, 3)], NOW)
        for epoch in range(100):
            stream.publish([part("bad", 0, 3, epoch)], NOW)
        (rows,) = stream._connection.execute("SELECT count(*) FROM marks WHERE sender = 'bad'").fetchone()
        assert rows <= 5 + 8
        assert (stream.mark("good", 7), stream.mark("bad", 99), stream.mark("bad", 0)) == (3, 3, None)


def test_two_objects_fold_and_trim_under_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "FOLD_AT", 4)
    path = tmp_path / "log.db"
    with closing(open_stream(path, 1)) as one, closing(open_stream(path, 1)) as two:
        for turn in range(40):
            first, second = (one, two) if turn % 3 else (two, one)
            assert first.publish([part("a", turn, turn)], NOW) == [Published(Outcome.APPENDED, turn, turn)]
            if turn % 7 == 0:
                ack_all(second, "worker")
                second.trim(["worker"])
            assert second.publish([part("a", turn, turn)], NOW) == [Published(Outcome.ALREADY, turn + 1, turn)]
        assert one.pull(0, 0, MANY) == two.pull(0, 0, MANY)
        assert one.damaged() + two.damaged() == []
