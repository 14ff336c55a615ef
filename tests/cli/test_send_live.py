"""`carecordon send -` while its pipe stays open: what was written is on the hub, and no end loses what was read."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.cli.calling import jsonl, put
from tests.cli.test_send import Sender, event
from tests.hub.gate_kit import Running, make_hub, running, wait_for

RELAY = """
import os
while piece := os.read(0, 65536):
    os.write(1, piece)
"""
"""A process that passes on what it is given, as `tail -f` does."""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(make_hub(tmp_path_factory.mktemp("hub"))) as one:
        yield one


@pytest.fixture
def sender(gate: Running, tmp_path: Path) -> Sender:
    return Sender(gate, tmp_path)


@contextmanager
def piping(sender: Sender, *args: object) -> Iterator[tuple[IO[bytes], subprocess.Popen[bytes]]]:
    """Yield what a process of its own passes on to a sender, and the sender."""
    relay = subprocess.Popen([sys.executable, "-c", RELAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with relay, sender.start(*args, stdin=relay.stdout) as process:
        assert relay.stdin is not None
        assert relay.stdout is not None
        relay.stdout.close()
        try:
            yield relay.stdin, process
        finally:
            process.kill()
            relay.kill()


def write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(data)
    pipe.flush()


def until(sender: Sender, count: int) -> None:
    wait_for(lambda: len(sender.lines()) >= count)


def spooled(sender: Sender) -> int:
    """Return how many bytes lie in the spool."""
    return sum(path.stat().st_size for path in (sender.state / "spool").rglob("*") if path.is_file())


def until_more(sender: Sender, size: int) -> None:
    wait_for(lambda: spooled(sender) > size)


def told(numbers: range) -> list[str]:
    return [f"whoami {number}" for number in numbers]


def test_lines_on_a_pipe_are_on_the_hub_while_it_is_open(sender: Sender) -> None:
    with piping(sender, "-") as (pipe, process):
        for number in range(3):
            write(pipe, jsonl([event(number)]))
            until(sender, number + 1)
        half = jsonl([event(4)])
        write(pipe, jsonl([event(3)]) + half[:20])
        until(sender, 4)
        write(pipe, half[20:])
        until(sender, 5)
        assert process.poll() is None
        write(pipe, jsonl([event(5)]) + jsonl([event(6)]).rstrip(b"\n"))
        pipe.close()
        out, said = process.communicate(timeout=20)
        assert (process.returncode, b"7 events acknowledged" in out) == (0, True), said
    assert sender.lines() == told(range(7))


@pytest.mark.parametrize(("arguments", "status"), [(("-",), 130), (("-", "--follow"), 0)])
def test_who_is_stopped_sends_what_was_written_before(sender: Sender, arguments: tuple[str, ...], status: int) -> None:
    ours, its = socket.socketpair()
    with ours, its, sender.start(*arguments, stdin=its) as process:
        ours.sendall(jsonl([event(0)]))
        until(sender, 1)
        ours.sendall(jsonl(event(number) for number in range(1, 40)) + jsonl([event(40)]).rstrip(b"\n"))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, sender.lines()) == (status, told(range(41))), said


def test_what_was_read_while_the_hub_was_away_goes_with_the_next_call(sender: Sender, tmp_path: Path) -> None:
    assert sender(put(tmp_path / "a.jsonl", event(0)))[0] == 0
    settled = sender.state / "hub.json"
    before = settled.read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = str(closed.getsockname()[1]).encode()
    settled.write_bytes(before.replace(str(sender.gate.ports.devices).encode(), port))
    for first, timeout, status in ((1, 60, 130), (3, 3, 4)):
        size = spooled(sender)
        with piping(sender, "-", "--timeout", timeout) as (pipe, process):
            write(pipe, jsonl([event(first), event(first + 1)]))
            until_more(sender, size)
            if status == 130:
                process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert (process.returncode, b"events wait on this disk" in said) == (status, True), said
    settled.write_bytes(before)
    assert sender(put(tmp_path / "b.jsonl", event(5)))[0] == 0
    assert sender.lines() == told(range(6))


def test_what_is_no_event_is_told_while_the_pipe_is_open(sender: Sender) -> None:
    with piping(sender, "-") as (pipe, process):
        write(pipe, b"".join(b"Nov 29 06:00:00 ward-pc-07 cron[%d]: session opened\n" % n for n in range(30)))
        _, said = process.communicate(timeout=20)
    assert (process.returncode, b"stdin: not an event file" in said) == (3, True)


def test_a_file_that_is_not_there_yet_and_a_link_that_is_turned_are_followed(sender: Sender, tmp_path: Path) -> None:
    path, link, log = tmp_path / "a.jsonl", tmp_path / "current", tmp_path / "monday"
    put(log, event(0))
    link.symlink_to(log)
    with sender.start(path, f"{tmp_path}/./a.jsonl", link, "--follow") as process:
        until(sender, 1)
        path.touch()
        link.unlink()
        link.symlink_to(put(tmp_path / "tuesday", event(1)))
        until(sender, 2)
        put(path, event(2))
        until(sender, 3)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
    put(path, event(2), event(3))
    with sender.start(link, path, "--follow") as process:
        until(sender, 4)
        process.kill()
    assert sender.lines() == told(range(4))


def test_lines_that_cannot_be_followed_are_told(sender: Sender, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe" + jsonl([event(0)]).decode().encode("utf-16-le"))
    status, said = sender(tmp_path / "a.jsonl", "--follow")
    assert (status, "let its writer write UTF-8" in " ".join(said.split())) == (2, True)
    status, said = sender("-", put(tmp_path / "b.jsonl", event(1)), "--follow")
    assert (status, "followed alone" in " ".join(said.split())) == (2, True)


def test_a_follower_that_is_killed_while_files_are_rotated_loses_and_repeats_nothing(
    sender: Sender, tmp_path: Path
) -> None:
    path, each, files = tmp_path / "a.jsonl", 300, 9
    for number in range(files):
        if path.exists():
            os.utime(path, (number, number))  # rotated a second apart, as the file system sees it
            path.rename(tmp_path / f"a.jsonl.{number}")
        if number % 3 == 0:
            with sender.start(path, "--follow") as process:
                half = [event(each * number + place) for place in range(each // 2)]
                put(path, *half)
                try:
                    until(sender, each * number + 1)
                finally:
                    process.kill()
            with path.open("ab") as file:
                file.write(jsonl(event(each * number + place) for place in range(each // 2, each)))
        else:
            put(path, *(event(each * number + place) for place in range(each)))
    with sender.start(path, "--follow") as process:
        try:
            until(sender, each * files)
        finally:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, sender.lines()) == (0, told(range(each * files))), said
