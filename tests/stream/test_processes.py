"""Several processes share a log: any of them publish, others read, and one that is killed loses nothing it told."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from carecordon.model.stream import Outcome
from carecordon.stream.backends.sqlite import open_stream
from tests.stream.plain import MANY, NOW, ack_all, numbers_of, part, pull_all

PATIENCE_S = 60


def start(log: Path, partitions: int, calls: int, group: int, *senders: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "tests.stream.publisher",
        str(log),
        *map(str, (partitions, calls, group)),
        *senders,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lines_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def test_several_processes_make_publish_and_read_one_log(tmp_path: Path) -> None:
    """All of them open a log that is not there yet; two also publish the same numbers of one sender."""
    log = tmp_path / "log.db"
    running = [start(log, 3, 60, 2, f"own-{number}", "shared") for number in range(3)]
    told: list[list[str]] = []
    for process in running:
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        told += [line.split()[1:] for line in out.splitlines()]
    with closing(open_stream(log, 3)) as stream:
        assert numbers_of(pull_all(stream)) == {
            (sender, 7): list(range(360)) for sender in ("own-0", "own-1", "own-2", "shared")
        }
        assert stream.damaged() == []
    own = [outcome for line in told for outcome in line[:2]]
    shared = [outcome for line in told for outcome in line[2:]]
    assert set(own) == {Outcome.APPENDED}
    assert (shared.count(Outcome.APPENDED), shared.count(Outcome.ALREADY)) == (120, 240)


def test_readers_acknowledge_and_trim_while_another_process_publishes(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    publisher = start(log, 1, 150, 2, "a", "b")
    lines = lines_of(publisher)
    lines.readline()  # the log is there
    taken = []
    with closing(open_stream(log, 1)) as reader:
        for line in lines:
            entries = reader.pull(0, reader.acked("worker", 0), MANY)
            taken += entries
            if entries:
                reader.ack("worker", 0, entries[-1].position)
            reader.trim(["worker"])
            assert line.split()[1:] == [Outcome.APPENDED] * 4
        assert publisher.wait(PATIENCE_S) == 0
        taken += reader.pull(0, reader.acked("worker", 0), MANY)
        assert numbers_of(taken) == {("a", 7): list(range(900)), ("b", 7): list(range(900))}
        assert reader.damaged() == []
    lines.close()


@pytest.mark.parametrize("calls_before", [1, 7, 40])
def test_a_publisher_killed_in_mid_publish_has_lost_nothing_it_told(tmp_path: Path, calls_before: int) -> None:
    log = tmp_path / "log.db"
    last = -1
    for _ in range(3):  # each goes on from the beginning: what is there already is told so
        publisher = start(log, 2, 0, 5, "a", "b", "c")
        lines = lines_of(publisher)
        for _ in range(calls_before):
            last = max(last, int(lines.readline().split()[0]))
        publisher.kill()
        last = max([last, *(int(line.split()[0]) for line in lines)])
        publisher.wait(PATIENCE_S)
        lines.close()
        with closing(open_stream(log, 2)) as stream:
            found = numbers_of(pull_all(stream))
            for sender in ("a", "b", "c"):
                assert found[sender, 7][: last + 1] == list(range(last + 1))
                mark = stream.mark(sender, 7)
                assert mark == len(found[sender, 7]) - 1
                again = [part(sender, first, first + 2) for first in range(0, mark, 3)]
                assert {one.outcome for one in stream.publish(again, NOW)} == {Outcome.ALREADY}
            assert stream.damaged() == []


def test_what_was_acknowledged_is_trimmed_by_one_process_and_known_to_another(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    with closing(open_stream(log, 1)) as stream:
        stream.publish([part("a", 0, 2)], NOW)
        publisher = start(log, 1, 20, 3, "a")
        out, _ = publisher.communicate(timeout=PATIENCE_S)
        assert out.split()[1:4] == [Outcome.ALREADY, Outcome.APPENDED, Outcome.APPENDED]
        ack_all(stream, "worker")
        assert stream.trim(["worker"]) == 180
        assert stream.mark("a", 7) == 179
        publisher = start(log, 1, 21, 3, "a")
        out, _ = publisher.communicate(timeout=PATIENCE_S)
        outcomes = [outcome for line in out.splitlines() for outcome in line.split()[1:]]
        assert outcomes == [Outcome.ALREADY] * 60 + [Outcome.APPENDED] * 3
        assert numbers_of(pull_all(stream)) == {("a", 7): list(range(180, 189))}
