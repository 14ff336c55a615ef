"""Where a log of a test lies: in memory if the machine can, since most tests ask what is there and not how fast."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  # a folder with a name of its own is made in it


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Give a folder in which an fsync costs nothing, if there is such a place, and remove it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)
