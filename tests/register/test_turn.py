"""Who waits for the turn to write gets it, whatever others do; who has it too long is named."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from carecordon.register.backends import sqlite
from carecordon.register.backends.sqlite import Turn
from tests.register.hog import hogging

TIMES = 20
FEW = 3
"""Turns of the one who writes in a loop, on average, until one who waits has had his."""
HASTE = 60
Hog = Callable[[Path, Path], AbstractContextManager[None]]


@contextmanager
def process(place: Path, count: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.register.hog", str(place), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running:
        try:
            yield
        finally:
            running.communicate()


def counted(count: Path) -> int:
    """Return how many turns were taken; a file that is just being written is read again."""
    end = time.monotonic() + HASTE
    while time.monotonic() < end:
        if count.exists() and (text := count.read_text("ascii")):
            return int(text)
        time.sleep(0.001)
    raise AssertionError("nobody took a turn")


@pytest.mark.parametrize("kinds", [(process,), (hogging,), (process, hogging)])
def test_who_waits_gets_his_turn_though_others_write_in_a_loop(
    place: Path, tmp_path: Path, kinds: Sequence[Hog]
) -> None:
    turn = Turn(place)
    counts = [tmp_path / f"count-{number}" for number in range(len(kinds))]
    passed = 0
    with ExitStack() as stack:
        for kind, count in zip(kinds, counts, strict=True):
            stack.enter_context(kind(place, count))
            counted(count)
        for _ in range(TIMES):
            before = sum(map(counted, counts))
            with turn():
                passed += sum(map(counted, counts)) - before
    assert passed <= FEW * TIMES * len(kinds)


def test_who_has_the_turn_too_long_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.05)
    turn = Turn(place)
    with turn(), pytest.raises(OSError, match=f"another process.*{os.getpid()} MainThread"), turn():
        pass
    with turn():
        pass
