"""What lies between a file and its events: streams that count, hash and look ahead, and that end instead of raising."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from carecordon.model.feed import Stream
from carecordon.scan.walk import os_reason

_GIB = 1 << 30
MAX_RATIO = 1000
MAX_UNJUDGED_BYTES = _GIB
"""A file may unpack to this size whatever its ratio; deflate cannot do more than 1,032 to 1 anyway."""
MAX_UNPACKED_BYTES = 256 * _GIB
"""The most that one file on disk may unpack to, all its members and layers together."""
READ_BYTES = 256 * 1024


class Layer(Stream, Protocol):
    """A stream that has ended too early if `fault` is set, and says why."""

    @property
    def fault(self) -> str | None:
        """Return why the stream ended too early; None while all is well."""
        ...


@dataclass(slots=True)
class Budget:
    """What one file on disk may unpack to: guards against bombs, shared by all its layers and members.

    `consumed` returns the bytes of the file that have been used.
    """

    consumed: Callable[[], int]
    unpacked: int = 0

    def spend(self, size: int) -> str | None:
        """Count unpacked bytes; return the reason if it is more than a true log would give."""
        self.unpacked += size
        if self.unpacked > MAX_UNPACKED_BYTES:
            return f"it unpacks to more than {MAX_UNPACKED_BYTES // _GIB} GiB: reading was stopped"
        if self.unpacked > MAX_UNJUDGED_BYTES and self.unpacked > MAX_RATIO * self.consumed():
            return f"it unpacks to more than {MAX_RATIO:,} times its size: reading was stopped"
        return None


class FromFile:
    """A file's bytes, at most `limit` of them: a file that grows is read as long as it was at first."""

    def __init__(self, file: Stream, limit: int | None = None) -> None:
        """Read from `file`."""
        self.fault: str | None = None
        self._file = file
        self._left = limit

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        if self._left is not None:
            size = min(size, self._left)
        if size <= 0 or self.fault:
            return b""
        try:
            piece = self._file.read(size)
        except (OSError, ValueError) as fault:
            self.fault = f"reading failed: {os_reason(fault)}"
            return b""
        if self._left is not None:
            self._left -= len(piece)
        return piece


class Tally:
    """The bytes under one name, counted and hashed as they are read."""

    def __init__(self, stream: Layer) -> None:
        """Count what `stream` gives."""
        self.size = 0
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def fault(self) -> str | None:
        """Return why the stream ended too early."""
        return self._stream.fault

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        piece = self._stream.read(size)
        self.size += len(piece)
        self._hash.update(piece)
        return piece

    def drain(self) -> None:
        """Read what is left, so that size and hash are those of the whole."""
        while self.read(READ_BYTES):
            pass

    def sha256(self) -> str:
        """Return the hash of what was read, in hexadecimal."""
        return self._hash.hexdigest()


class Peeked:
    """A stream whose beginning can be looked at before it is read."""

    def __init__(self, stream: Layer) -> None:
        """Look ahead into `stream`."""
        self._stream = stream
        self._head = b""

    @property
    def fault(self) -> str | None:
        """Return why the stream ended too early."""
        return self._stream.fault

    def head(self, size: int) -> bytes:
        """Return the first bytes, at most `size`, without taking them."""
        while len(self._head) < size and (piece := self._stream.read(size - len(self._head))):
            self._head += piece
        return self._head[:size]

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._stream.read(size)
