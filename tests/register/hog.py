"""One who writes in a loop: takes a register's turn again at once, and counts its turns in a file until it is ended."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from carecordon.register.backends.sqlite import Turn

WORK_S = 0.003


def hog(place: Path, count: Path, enough: threading.Event) -> None:
    """Take turns until it is enough; what a turn does takes as long as a commit on a disk."""
    turn = Turn(place)
    taken = 0
    while not enough.is_set():
        with turn():
            taken += 1
            count.write_text(str(taken), "ascii")
            time.sleep(WORK_S)


@contextlib.contextmanager
def hogging(place: Path, count: Path) -> Iterator[None]:
    """Take turns in a thread while the `with` lasts."""
    enough = threading.Event()
    thread = threading.Thread(target=hog, args=[place, count, enough])
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


if __name__ == "__main__":
    with hogging(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdin.read()
