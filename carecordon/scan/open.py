"""From a source to its events' bytes: opened, unpacked as a stream, recognised by content, cut into blocks.

`open_source` yields one `Opened` for each input; its `blocks()` go to any process that reads them, and when they
are used up its `facts()` say what the input was.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from carecordon.model.block import Bad, Block
from carecordon.model.feed import HEAD_BYTES, Feed, Stream
from carecordon.pipeline.ingest.feeds import sniff
from carecordon.pipeline.ingest.feeds.evtx import EVTX
from carecordon.pipeline.ingest.stream import take
from carecordon.scan.kinds import describe, promises_events
from carecordon.scan.layers import Budget, FromFile, Layer, Peeked, Tally
from carecordon.scan.unpack import GZIP_MAGIC, ZSTD_MAGIC, ZSTD_SKIPPABLE, Inflated, Unzstd
from carecordon.scan.unzip import ZIP_MAGICS, members
from carecordon.scan.walk import Source, Unread, os_reason, special_kind

MAX_DEPTH = 3
"""How many layers of gzip, zstd and zip are unpacked within each other."""
DEEP_HEAD_BYTES = 4 << 20
"""How far an EVTX chunk is looked for in what ought to hold events: its header and first chunks may be overwritten."""
MAX_HELD_ARCHIVE = 256 << 20
"""A zip archive inside another layer must be held in memory whole; a larger one is refused."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an input after reading it.

    `sha256` and `size` are of the very bytes under its name: of a file as it lies on disk
    (packed, if it is), of an archive's member as it comes out of the archive. `faults` say why
    it could not be read to its end, or cannot be trusted; none if all went well.
    """

    sha256: str
    size: int
    feed: str
    faults: tuple[str, ...]


class Opened:
    """An input whose kind is known. Valid until the next one is asked for."""

    def __init__(self, name: str, feed: Feed, content: Layer, tally: Tally, origin: _Origin | None) -> None:
        """Hold what `blocks` and `facts` need; `origin` is the file itself where no archive lies between."""
        self.name = name
        self.feed = feed
        self._content = content
        self._tally = tally
        self._origin = origin

    def blocks(self) -> Iterator[Block | Bad]:
        """Yield the input's blocks and what is bad between them, once."""
        return self.feed.split(self._content)

    def facts(self, *, is_whole: bool = True) -> Facts:
        """Return size, hash and faults; reads what `blocks` has left, unless only what was read so far is asked for."""
        if is_whole:
            while not self._content.fault and self._content.read(HEAD_BYTES):
                pass
            self._tally.drain()
        change = self._origin.change(self._tally.size if is_whole else None) if self._origin else None
        faults = dict.fromkeys(fault for fault in (change, self._content.fault, self._tally.fault) if fault)
        return Facts(self._tally.sha256(), self._tally.size, self.feed.name, tuple(faults))

    def progress(self) -> int:
        """Return how many of the input's own bytes are read so far."""
        return self._tally.size


class _Origin:
    """A file on disk, and whether it stayed as it was."""

    def __init__(self, file: BinaryIO) -> None:
        """Remember the file as it is now."""
        self._file = file
        self._before = os.fstat(file.fileno())
        self.size = self._before.st_size
        self.mode = self._before.st_mode

    def change(self, read: int | None = None) -> str | None:
        """Return how the file changed while it was read, or None; `read` is how much of it was read."""
        after = os.fstat(self._file.fileno())
        if after.st_size < self.size or (read is not None and read < self.size):
            return "the file became shorter while it was read"
        if after.st_size > self.size:
            return f"the file grew while it was read; its first {self.size:,} bytes were read"
        if after.st_mtime_ns != self._before.st_mtime_ns:
            return "the file changed while it was read"
        return None


def open_source(source: Source, stdin: Stream | None = None) -> Iterator[Opened | Unread]:
    """Yield the one input that a file is, or the many that an archive holds, and what of them is not read.

    `stdin` is read where the source is standard input. Never raises on what a file holds or
    what becomes of it; the file is closed at the end.
    """
    if source.path is None:
        yield from _Opening(source, stdin or sys.stdin.buffer).layers()
        return
    try:
        with open(source.path, "rb", opener=_without_waiting) as file:
            origin = _Origin(file)
            if stat.S_ISREG(origin.mode):
                yield from _Opening(source, file, file, origin).layers()
            else:
                yield Unread(source.name, f"it is no file but a {special_kind(origin.mode)}", source.is_named)
    except FileNotFoundError:
        yield Unread(source.name, "the file has vanished", True)
    except OSError as fault:
        yield Unread(source.name, os_reason(fault), True)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; should it have become a pipe meanwhile, do not wait for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


class _Opening:
    """Takes one source apart, layer by layer."""

    def __init__(
        self, source: Source, stream: Stream, file: BinaryIO | None = None, origin: _Origin | None = None
    ) -> None:
        """Begin with the source's own bytes; `file` and `origin` are there where it is a file, to be read anywhere."""
        self._source = source
        self._file = file
        self._origin = origin
        self._tally = Tally(FromFile(stream, origin.size if origin else None))
        self._budget = Budget(lambda: self._tally.size)

    def layers(self) -> Iterator[Opened | Unread]:
        """Yield the inputs of the source."""
        content = Peeked(self._tally)
        if self._file and self._origin and content.head(4).startswith(ZIP_MAGICS):
            size = self._origin.size
            self._budget.consumed = lambda: size
            yield from self._members(self._file, self._source.name, 1)
            if change := self._origin.change():
                yield Unread(self._source.name, change, True)
            return
        yield from self._peel(self._source.name, content, self._tally, 0)

    def _peel(self, name: str, content: Peeked, tally: Tally, depth: int) -> Iterator[Opened | Unread]:
        """Yield what lies under the layers of `content`; `tally` counts the bytes under this name."""
        head = content.head(4)
        is_zip = head.startswith(ZIP_MAGICS)
        unpacked = self._unpacked(content, head)
        if (is_zip or unpacked) and depth == MAX_DEPTH:
            yield Unread(name, f"packed more than {MAX_DEPTH} times within each other: unpack it first", True)
        elif unpacked:
            yield from self._peel(name, unpacked, tally, depth + 1)
        elif is_zip:
            yield from self._held_archive(name, content, depth)
        else:
            yield self._recognised(name, content, tally)

    def _unpacked(self, content: Peeked, head: bytes) -> Peeked | None:
        if head.startswith(GZIP_MAGIC):
            return Peeked(Inflated(content, self._budget))
        if head.startswith((ZSTD_MAGIC, *ZSTD_SKIPPABLE)):
            return Peeked(Unzstd(content, self._budget))
        return None

    def _held_archive(self, name: str, content: Peeked, depth: int) -> Iterator[Opened | Unread]:
        """Yield the inputs of an archive that cannot be read in place."""
        archive = take(content, MAX_HELD_ARCHIVE + 1)
        if len(archive) > MAX_HELD_ARCHIVE:
            reason = f"a zip archive of more than {MAX_HELD_ARCHIVE >> 20} MiB inside another archive or stream"
            yield Unread(name, f"{reason}: unpack it first", True)
            return
        if content.fault:
            yield Unread(name, content.fault, True)
        yield from self._members(io.BytesIO(archive), name, depth + 1)

    def _members(self, file: BinaryIO, name: str, depth: int) -> Iterator[Opened | Unread]:
        for member in members(file, name, self._budget):
            if isinstance(member, Unread):
                yield member
            else:
                tally = Tally(member[1])
                yield from self._peel(member[0], Peeked(tally), tally, depth)

    def _recognised(self, name: str, content: Peeked, tally: Tally) -> Opened | Unread:
        """Return the input, or why it is none."""
        head = content.head(HEAD_BYTES)
        is_named = self._source.is_named and name == self._source.name
        ought = is_named or promises_events(name)
        feed = sniff(head)
        if feed is None and ought and EVTX.recognise(content.head(DEEP_HEAD_BYTES)):
            feed = EVTX
        if feed:
            is_own_file = name == self._source.name
            return Opened(name, feed, content, tally, self._origin if is_own_file else None)
        if content.fault:
            return Unread(name, content.fault, True)
        reason, may_hold_events = describe(head)
        return Unread(name, reason, may_hold_events or ought)
