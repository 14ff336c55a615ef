"""A register of its own for each test, in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a register that was just made: making one takes a while, writing a file does not."""
    path = tmp_path_factory.mktemp("register") / "empty.db"
    SQLITE.prepare(str(path))
    return path.read_bytes()


@pytest.fixture
def place(tmp_path: Path, empty: bytes) -> Path:
    """Return where an empty register lies."""
    path = tmp_path / "register.db"
    path.write_bytes(empty)
    return path


@pytest.fixture
def register(place: Path) -> Iterator[Register]:
    """Return that register, open."""
    opened = SQLITE.open_register(str(place))
    yield opened
    opened.close()
