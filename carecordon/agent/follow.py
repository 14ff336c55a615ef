"""A file of JSON lines that somebody writes on: read as it grows, through rotation, and never a line twice.

A file is known by its number in the file system and by how it begins, so that one that was renamed is found under its
new name, and another that got its number is not mistaken for it. A last line without an end is waited for, as long as
the file may still grow. One that was renamed may grow until something stands in its successor: whoever rotates renames
first, and the writer turns to the new file later.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from carecordon.model.block import Bad, Block
from carecordon.model.feed import HEAD_BYTES
from carecordon.pipeline.ingest.feeds import sniff

FEED = "jsonlines"
PIECE = 256 * 1024
MAX_LINE = 16 * 1024 * 1024
HEAD = 1_024
"""So many bytes at a file's beginning tell it from another."""
GONE = "the file that was read up to here is no longer there: what was written behind this is not sent"


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
            if self._file is None:
                yield from self._open()
            if self._file is None:
                return
            assert self._mark is not None  # noqa: S101  # what is open has a mark
            if not self._is_old and not _is_same(self._file, self._mark):  # cut off, or written anew
                self.close()
                if not self._found(self._mark):
                    self._mark = None
                continue
            came = False
            for one in self._rest(self._file):
                came = True
                yield one
            if self._is_old and not came:
                if not self._go_on(self._file):
                    return
            else:
                self._is_old = self._is_old or self._is_replaced()
                return  # what came to a renamed file before its successor is read by the next call

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> Iterator[Bad]:
        """Open the file to read on in, if there is one; tell where the one that was read so far is gone."""
        mark = self._mark
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            if mark is not None:
                self._found(mark)
            return  # where it comes back, it is known still
        if mark is None or not _is_same(file, mark):
            if mark is not None and self._found(mark):
                file.close()
                return
            status = os.fstat(file.fileno())
            if mark is not None and status.st_ino != mark.inode:
                yield Bad(mark.records + 1, GONE, 0)
            mark = self._mark = Mark(status.st_ino, 0, 0, "", 0)
        file.seek(mark.offset)
        self._file, self._is_old = file, False

    def _found(self, mark: Mark) -> bool:
        """Open what was read so far under the name that it has now, or its copy; say whether there is one."""
        for path, inode in sorted(self._beside(), key=lambda one: one[1] != mark.inode):
            if inode != mark.inode and not (path.name.startswith(self.path.name) and mark.head_bytes):
                continue
            try:
                file = path.open("rb")
            except OSError:
                continue  # it may be somebody's else
            if _holds(file, mark):  # a copy: of a file that is copied and then cut off, as some rotate
                file.seek(mark.offset)
                self._file, self._mark = file, msgspec.structs.replace(mark, inode=inode)
                self._is_old = self._is_replaced()
                return True
            file.close()
        return False

    def _go_on(self, done: BinaryIO) -> bool:
        """Let go of a file that was read, and open the one begun after it if that was renamed too before it was read.

        While nothing stands under the path that cannot be told: then say so, and change nothing.
        """
        try:
            now = self.path.open("rb")
        except FileNotFoundError:
            return False
        with now:
            following = self._following(done, now)
        done.close()
        self._file, self._mark = following or (None, None)
        return True

    def _following(self, done: BinaryIO, now: BinaryIO) -> tuple[BinaryIO, Mark] | None:
        """Return the oldest file that was written after `done`, and is no copy of it or of the present one."""
        status = os.fstat(done.fileno())
        later: list[tuple[int, Path, int]] = []
        for path, inode in self._beside():
            if path.name.startswith(self.path.name) and inode != status.st_ino:
                with suppress(FileNotFoundError):
                    later.append((path.stat().st_mtime_ns, path, inode))
        for at, path, inode in sorted(later):
            with suppress(OSError):  # somebody else's
                if at <= status.st_mtime_ns:
                    continue
                file = path.open("rb")
                if _feed_of(file) == FEED and not (_alike(file, done) or _alike(file, now)):
                    return file, Mark(inode, 0, 0, "", 0)
                file.close()
        return None

    def _beside(self) -> list[tuple[Path, int]]:
        """Return the other files of the folder (of both, where the path is a link) and their numbers."""
        found: dict[int, Path] = {}
        with suppress(OSError):
            now = self.path.stat().st_ino if self.path.exists() else None
            for folder in {self.path.absolute().parent, self.path.resolve().parent}:
                with os.scandir(folder) as entries:
                    files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
                found |= {entry.inode(): Path(entry.path) for entry in files if entry.inode() != now}
        return [(path, inode) for inode, path in found.items()]

    def _is_replaced(self) -> bool:
        """Say whether another file stands under the path by now, and is written."""
        assert self._file is not None  # noqa: S101  # it is open
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False  # it was renamed, and its successor is not there yet
        return status.st_ino != os.fstat(self._file.fileno()).st_ino and status.st_size > 0

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
        text = data if mark.offset else data.removeprefix(codecs.BOM_UTF8)
        return Lines(Block(FEED, text), mark.records, msgspec.json.encode(self._mark).decode())

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
    return os.fstat(file.fileno()).st_ino == mark.inode and _holds(file, mark)


def _holds(file: BinaryIO, mark: Mark) -> bool:
    """Say whether a file begins like that of a mark, and is as long at least."""
    return os.fstat(file.fileno()).st_size >= mark.offset and _head(file, mark.head_bytes) == mark.head


def _alike(one: BinaryIO, other: BinaryIO) -> bool:
    """Say whether one file is a copy of the other, as far as both go."""
    size = min(HEAD, *(os.fstat(file.fileno()).st_size for file in (one, other)))
    return size > 0 and _head(one, size) == _head(other, size)


def _feed_of(file: BinaryIO) -> str | None:
    feed = sniff(file.read(HEAD_BYTES))
    file.seek(0)
    return None if feed is None else feed.name


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
