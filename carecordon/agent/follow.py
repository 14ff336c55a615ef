"""A file of JSON lines that somebody writes on: read as it grows, through rotation, and never a line twice.

A file is known by its number in the file system and by how it begins, so that one that was renamed is found under its
new name, and another that got its number is not mistaken for it. A last line without an end is waited for, as long as
the file may still grow.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from carecordon.model.block import Bad, Block

FEED = "jsonlines"
PIECE = 256 * 1024
MAX_LINE = 16 * 1024 * 1024
HEAD = 1_024
"""So many bytes at a file's beginning tell it from another."""


class Mark(msgspec.Struct, frozen=True):
    """How far a file is read: `offset` bytes with `records` lines in them.

    `head` is the SHA-256 of its first `head_bytes`.
    """

    inode: int
    offset: int
    records: int
    head: str
    head_bytes: int


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of a file: `first` is how many records came before them, `mark` how far it is read with them."""

    block: Block
    first: int
    mark: str


class Follower:
    """Follows one path."""

    def __init__(self, path: Path, mark: str | None) -> None:
        """Go on from `mark`, as one of `Lines` gave it; from the beginning where there is none."""
        self.path = path
        self._file: BinaryIO | None = None
        self._mark = None if mark is None else _read(mark)
        self._is_old = False
        """The file is no longer the one under the path: it will not grow."""

    def read(self) -> Iterator[Lines | Bad]:
        """Yield what has come since the last call, until there is nothing more for now. Raises OSError."""
        while True:
            if self._file is None and not self._open():
                return
            assert self._file is not None  # noqa: S101  # `_open` says so
            assert self._mark is not None  # noqa: S101  # what is open has a mark
            if not self._is_old and not _is_same(self._file, self._mark):  # cut off, or written anew
                self.close()
                self._mark = None
                continue
            came = False
            for one in self._rest(self._file):
                came = True
                yield one
            if self._is_old and not came:
                self.close()
                self._mark = None
            else:
                self._is_old = self._is_old or self._is_replaced()
                return  # who writes on a renamed file has until the next call to end

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        """Open the file to read on in; say whether there is one."""
        mark = self._mark
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            file = None
        if mark is not None and (file is None or not _is_same(file, mark)):
            renamed = self._renamed(mark)
            if renamed is not None:
                if file is not None:
                    file.close()
                self._file, self._is_old = renamed, True
                self._file.seek(mark.offset)
                return True
            mark = self._mark = None
        if file is None:
            return False
        self._file, self._is_old = file, False
        if mark is None:
            self._mark = Mark(os.fstat(file.fileno()).st_ino, 0, 0, "", 0)
        file.seek(0 if mark is None else mark.offset)
        return True

    def _renamed(self, mark: Mark) -> BinaryIO | None:
        """Return the file that was read so far, under whatever name it has beside the path now."""
        with suppress(OSError), os.scandir(self.path.parent) as entries:
            for entry in entries:
                if entry.is_file() and entry.inode() == mark.inode and entry.name != self.path.name:
                    file = Path(entry.path).open("rb")  # noqa: SIM115  # it stays open while it is read
                    if _is_same(file, mark):
                        return file
                    file.close()
        return None

    def _is_replaced(self) -> bool:
        """Say whether another file stands under the path by now."""
        assert self._file is not None  # noqa: S101  # it is open
        try:
            return self.path.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False  # it was renamed, and its successor is not there yet

    def _rest(self, file: BinaryIO) -> Iterator[Lines | Bad]:
        """Yield the whole lines from where we are to the file's end."""
        held = b""
        while piece := file.read(PIECE):
            held += piece
            end = held.rfind(b"\n") + 1
            if end:
                yield self._lines(file, held[:end])
                held = held[end:]
            elif len(held) > MAX_LINE:
                yield from self._too_long(file, len(held))
                held = b""
        if held and self._is_old:
            yield self._lines(file, held)
        elif held:
            file.seek(-len(held), os.SEEK_CUR)

    def _lines(self, file: BinaryIO, data: bytes) -> Lines:
        mark = self._mark
        assert mark is not None  # noqa: S101  # what is open has a mark
        records = sum(1 for line in data.split(b"\n") if line.strip())
        self._mark = self._moved(file, _shifted(mark, len(data), records))
        return Lines(Block(FEED, data), mark.records, msgspec.json.encode(self._mark).decode())

    def _too_long(self, file: BinaryIO, size: int) -> Iterator[Bad]:
        """Pass over the rest of a line that is too long, and tell it."""
        mark = self._mark
        assert mark is not None  # noqa: S101  # what is open has a mark
        while piece := file.readline(PIECE):
            size += len(piece)
            if piece.endswith(b"\n"):
                break
        yield Bad(mark.records + 1, f"a line of more than {MAX_LINE >> 20} MiB")
        self._mark = self._moved(file, _shifted(mark, size, 1))

    def _moved(self, file: BinaryIO, mark: Mark) -> Mark:
        """Return a mark that tells the file's beginning as far as it is read."""
        wanted = min(HEAD, mark.offset)
        if mark.head_bytes >= wanted:
            return mark
        return Mark(mark.inode, mark.offset, mark.records, _head(file, wanted), wanted)


def _shifted(mark: Mark, size: int, records: int) -> Mark:
    """Return a mark moved on by so many bytes and records."""
    return msgspec.structs.replace(mark, offset=mark.offset + size, records=mark.records + records)


def _is_same(file: BinaryIO, mark: Mark) -> bool:
    """Say whether this is the file that a mark is of, with all that was read of it."""
    status = os.fstat(file.fileno())
    if status.st_ino != mark.inode or status.st_size < mark.offset:
        return False
    return _head(file, mark.head_bytes) == mark.head


def _head(file: BinaryIO, size: int) -> str:
    """Return the SHA-256 of a file's first bytes, without moving in it."""
    if not size:
        return ""
    at = file.tell()
    file.seek(0)
    head = file.read(size)
    file.seek(at)
    return hashlib.sha256(head).hexdigest()


def _read(mark: str) -> Mark | None:
    try:
        return msgspec.json.decode(mark, type=Mark)
    except msgspec.DecodeError:
        return None
