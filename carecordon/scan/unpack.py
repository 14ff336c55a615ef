"""Unpacking as a stream: gzip, zlib's bare deflate (as in zip) and zstd, whole or cut, honest or a bomb."""

from __future__ import annotations

import zlib

import zstandard

from carecordon.scan.layers import READ_BYTES, Budget, Layer

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = tuple(bytes((number, 0x2A, 0x4D, 0x18)) for number in range(0x50, 0x60))
"""Source: RFC 8878 section 3.1.2; pzstd begins its files with one."""

_GZIP_BITS = 31
_DEFLATE_BITS = -15
_SALVAGE_STEP = 512
_ZSTD_STEP = 1024
"""So little goes into the zstd decoder at once that a run-length bomb gives at most 32 MiB at a time."""
_ZSTD_WINDOW_BYTES = 128 << 20
"""The memory that a zstd frame may ask for: as much as `zstd -d` grants unasked."""


class Inflated:
    """What gzip data (any number of members, zero bytes between) or one bare deflate stream unpacks to.

    Source: RFC 1951, RFC 1952. Bytes that unpack before a damaged place are given.
    """

    def __init__(self, packed: Layer, budget: Budget, *, is_bare: bool = False) -> None:
        """Unpack `packed`; `is_bare` for the deflate stream of a zip member."""
        self.fault: str | None = None
        self._packed = packed
        self._budget = budget
        self._bits = _DEFLATE_BITS if is_bare else _GZIP_BITS
        self._decoder = zlib.decompressobj(self._bits)
        self._waiting = b""
        self._is_between = False

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        while not self.fault:
            if not self._waiting and not self._fetch():
                return self._finish(size)
            if self._is_between:
                self._waiting = self._waiting.lstrip(b"\0")
                if not self._waiting:
                    continue
            if piece := self._inflate(size):
                self._spend(piece)
                return piece
        return b""

    def _fetch(self) -> bool:
        self._waiting = self._packed.read(READ_BYTES)
        return bool(self._waiting)

    def _inflate(self, size: int) -> bytes:
        """Return what some of the waiting bytes unpack to; may be nothing."""
        before = self._decoder.copy()
        waiting = self._waiting
        self._is_between = False
        try:
            piece = self._decoder.decompress(waiting, size)
        except zlib.error as fault:
            self.fault = f"the compressed data is damaged: {str(fault)[:100]}"
            return _salvage(before, waiting)
        self._waiting = self._decoder.unconsumed_tail
        if self._decoder.eof:
            is_bare = self._bits == _DEFLATE_BITS
            self._waiting = b"" if is_bare else self._decoder.unused_data
            self._decoder = zlib.decompressobj(self._bits)
            self._is_between = True
        return piece

    def _spend(self, piece: bytes) -> None:
        self.fault = self.fault or self._budget.spend(len(piece))

    def _finish(self, size: int) -> bytes:
        """Return what the decoder still holds when there is no more to feed it."""
        if self._packed.fault or self._is_between:
            self.fault = self._packed.fault
        if self._is_between:
            return b""
        piece = self._decoder.decompress(b"", size)
        if not piece and not self._decoder.eof:
            self.fault = self.fault or "the compressed data ends too early"
        return piece


def _salvage(decoder: zlib._Decompress, waiting: bytes) -> bytes:
    """Return what unpacks before the damaged place."""
    pieces: list[bytes] = []
    try:
        while waiting and (piece := decoder.decompress(waiting, _SALVAGE_STEP)):
            pieces.append(piece)
            waiting = decoder.unconsumed_tail
    except zlib.error:
        pass
    return b"".join(pieces)


class Unzstd:
    """What zstd data unpacks to, all its frames one after another. Source: RFC 8878."""

    def __init__(self, packed: Layer, budget: Budget) -> None:
        """Unpack `packed`."""
        self.fault: str | None = None
        self._packed = packed
        self._budget = budget
        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        self._decoder: zstandard.ZstdDecompressionObj | None = None
        self._waiting = b""
        self._at = 0
        self._ready: bytes | memoryview = b""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        while not self._ready and not self.fault:
            step = self._waiting[self._at : self._at + _ZSTD_STEP]
            if step:
                self._at += len(step)
                self._decode(step)
            else:
                self._waiting, self._at = self._packed.read(READ_BYTES), 0
                if not self._waiting:
                    self.fault = self._packed.fault or ("the zstd data ends too early" if self._decoder else None)
                    break
        piece, self._ready = self._ready, b""
        if len(piece) > size:
            piece, self._ready = memoryview(piece)[:size], memoryview(piece)[size:]
        return bytes(piece)  # no copy of what is bytes already

    def _decode(self, step: bytes) -> None:
        """Unpack some bytes; what of them lies behind the end of a frame waits again."""
        decoder = self._decoder = self._decoder or self._context.decompressobj()
        try:
            piece = decoder.decompress(step)
        except zstandard.ZstdError as fault:
            self.fault = f"the zstd data is damaged or needs too much memory: {str(fault)[:100]}"
            return
        if decoder.eof:
            self._at -= len(decoder.unused_data)
            self._decoder = None
        self._ready = piece
        self.fault = self._budget.spend(len(piece))
