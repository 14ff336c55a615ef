"""Reading bytes in order: whole pieces, and text of any Unicode encoding as UTF-8."""

from __future__ import annotations

import codecs

from carecordon.model.feed import Stream


def take(stream: Stream, size: int) -> bytes:
    """Return the next `size` bytes; fewer only at the end."""
    piece = stream.read(size)
    if len(piece) == size or not piece:
        return piece
    pieces = [piece]
    missing = size - len(piece)
    while missing and (piece := stream.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def utf8(stream: Stream) -> Stream:
    """Return the text as UTF-8 without byte order mark; UTF-16 is known by its mark or by its zero bytes.

    Bytes that are no UTF-8 pass as they are; what is no UTF-16 becomes U+FFFD.
    """
    head = take(stream, 4)
    encoding, mark = _encoding(head)
    if encoding is None:
        return _Prefixed(head[mark:], stream)
    return _Recoded(_Prefixed(head[mark:], stream), encoding)


def head_as_utf8(head: bytes) -> bytes:
    """Return the beginning of a text as UTF-8; a character cut at its end is left out."""
    encoding, mark = _encoding(head)
    if encoding is None:
        return head[mark:]
    return codecs.getincrementaldecoder(encoding)("replace").decode(head[mark:]).encode()


def _encoding(head: bytes) -> tuple[str | None, int]:
    """Return the encoding (None: UTF-8 or the like) and the length of the byte order mark."""
    if head.startswith(codecs.BOM_UTF8):
        return None, 3
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    if len(head) >= 4 and head[0] and not head[1] and head[2] and not head[3]:
        return "utf-16-le", 0
    if len(head) >= 4 and not head[0] and head[1] and not head[2] and head[3]:
        return "utf-16-be", 0
    return None, 0


class _Prefixed:
    """Some bytes, then a stream."""

    def __init__(self, head: bytes, stream: Stream) -> None:
        """Put `head` before what `stream` gives."""
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._stream.read(size)


class _Recoded:
    """Text of another encoding, as UTF-8."""

    def __init__(self, stream: Stream, encoding: str) -> None:
        """Read `stream` as text in `encoding`."""
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        while not self._ready:
            piece = self._stream.read(size)
            self._ready = self._decoder.decode(piece, not piece).encode()
            if not piece:
                break
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece
