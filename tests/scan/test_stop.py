"""Ctrl-C: the first asks, one more insists, and a stream that keeps its reader waiting ends."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from carecordon.scan.stop import Stop, UntilStop


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_only_asks() -> None:
    with Stop() as stop:
        assert not stop.is_asked
        press()
        assert stop.is_asked


def test_the_second_insists() -> None:
    with Stop():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_while_waiting_it_is_heard_at_once() -> None:
    with Stop() as stop:
        with pytest.raises(KeyboardInterrupt), stop.waiting():
            press()
        assert stop.is_asked


def test_once_asked_nobody_begins_to_wait() -> None:
    begun = False
    with Stop() as stop:
        press()
        with pytest.raises(KeyboardInterrupt), stop.waiting():
            begun = True
    assert not begun


def test_afterwards_it_belongs_to_whom_it_belonged_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stop():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_where_it_is_ignored_it_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stop() as stop:
            press()
        assert not stop.is_asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_of_the_main_thread_nothing_is_touched() -> None:
    found: list[bool] = []

    def work() -> None:
        before = signal.getsignal(signal.SIGINT)
        with Stop():
            found.append(signal.getsignal(signal.SIGINT) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]


def test_a_stream_gives_what_is_there_and_ends_when_asked() -> None:
    ours, theirs = os.pipe()
    with Stop() as stop, os.fdopen(ours, "rb") as file, os.fdopen(theirs, "wb", 0) as writer:
        stream = UntilStop(file, stop)
        writer.write(b"abcdef")
        assert (stream.read(4), stream.read(100)) == (b"abcd", b"ef")
        writer.write(b"more")
        press()
        assert stream.read(100) == b""


def test_a_stream_ends_by_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with Stop() as stop, (tmp_path / "a").open("rb") as file:
        stream = UntilStop(file, stop)
        assert (stream.read(100), stream.read(100)) == (b"abc", b"")
