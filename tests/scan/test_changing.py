"""Files that change, vanish or fail while they are read: told, never a crash, and what was read counts."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from carecordon.model.block import Block
from carecordon.scan import layers
from carecordon.scan.open import Opened, open_source
from carecordon.scan.walk import Source, Unread
from tests.scan.opening import LINE, LINES, MIB, find, put, zipped


def read_while(path: Path, change: Callable[[], None]) -> tuple[int, tuple[str, ...]]:
    """Return lines and faults of a file that changes after its first block."""
    lines = 0
    for opened in open_source(Source(str(path), path, path.stat().st_size, True)):
        assert isinstance(opened, Opened)
        for number, block in enumerate(opened.blocks()):
            assert isinstance(block, Block)
            lines += block.data.count(b"\n")
            if not number:
                change()
        return lines, opened.facts().faults
    raise AssertionError("nothing was opened")


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(LINES)


COUNT = 4 * MIB // len(LINE)


@pytest.mark.parametrize(
    ("change", "says", "fewer"),
    [
        (append, "grew while it was read", False),
        (lambda path: os.truncate(path, 2 * MIB), "became shorter", True),
        (lambda path: os.utime(path, ns=(1, 1)), "changed while it was read", False),
    ],
)
def test_a_file_that_changes_while_read_is_told(
    tmp_path: Path, change: Callable[[Path], None], says: str, fewer: bool
) -> None:
    path = put(tmp_path, LINE * COUNT)
    lines, faults = read_while(path, lambda: change(path))
    assert says in faults[0]
    assert (lines < COUNT) is fewer


def test_a_zip_file_that_changes_while_read_is_told(tmp_path: Path) -> None:
    path = put(tmp_path, zipped(("a", LINES), ("b", LINES)))
    told = []
    for item in open_source(Source("x.zip", path, None, False)):
        append(path)
        told.append(item)
    assert isinstance(told[-1], Unread)
    assert told[-1].is_failure
    assert "grew" in told[-1].reason


def test_a_file_that_stays_is_no_fault(tmp_path: Path) -> None:
    path = put(tmp_path, LINE * COUNT)
    assert read_while(path, lambda: None) == (COUNT, ())


def test_a_file_that_vanishes_is_a_failure(tmp_path: Path) -> None:
    gone = Source("gone", tmp_path / "gone", 1, False)
    assert list(open_source(gone)) == [Unread("gone", "the file has vanished", True)]


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_a_file_that_became_a_pipe_does_not_stop_the_scan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    told = list(open_source(Source("pipe", tmp_path / "pipe", 1, False)))
    assert told == [Unread("pipe", "it is no file but a pipe", False)]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_file_that_may_not_be_read_is_a_failure(tmp_path: Path) -> None:
    put(tmp_path, LINES).chmod(0)
    assert find(tmp_path).failures[0].reason == "permission denied"


def test_a_read_error_ends_the_input_and_is_told() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(min(size or 0, 30))
            if not piece:
                raise OSError(5, "Input/output error")
            return piece

    stream = layers.FromFile(Broken(LINES))
    pieces = list(iter(lambda: stream.read(MIB), b""))
    assert b"".join(pieces) == LINES
    assert stream.fault == "reading failed: input/output error"


def test_facts_are_whole_though_no_block_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, LINE * COUNT)
    for opened in open_source(Source("a", path, None, True)):
        assert isinstance(opened, Opened)
        assert opened.facts().sha256 == hashlib.sha256(LINE * COUNT).hexdigest()
        assert opened.progress() == len(LINE) * COUNT
