"""JSON that is not one object a line: an array of objects, pretty-printed objects, objects one after another.

Sees: objects at the top level or in top-level arrays; commas, line ends and record separators between them.
Costs: a second pass over the text to find where objects end, about 3 µs an event, in the splitting process.
Misses: objects wrapped in another object (`{"events": [...]}` is one record); what follows a missing brace in
a file without line ends is cut by guess. Objects over 16 MiB are told and skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from carecordon.model.block import Bad, Block, Run
from carecordon.model.feed import Feed, Stream
from carecordon.pipeline.ingest.json_text import MAX_RECORD, TOO_LONG, decode
from carecordon.pipeline.ingest.pieces import into_blocks, pieces_of
from carecordon.pipeline.ingest.runs import Record, in_runs
from carecordon.pipeline.ingest.stream import head_as_utf8, take, utf8

_NAME = "jsonstream"
_BLOCK_BYTES = 512 * 1024
_READ_BYTES = 1024 * 1024
_SEPARATORS = b" \t\r\n,[]\x1e"

# A brace outside of strings; or a quotation mark whose string does not end on its line (JSON has no line end in one).
_TOKEN = re.compile(rb'(?:[^"{}]++|"(?:[^"\\\n]++|\\.)*+")*+(["{}])', re.DOTALL)
_STRING_REST = re.compile(rb'(?:[^"\\\n]++|\\.)*+(["\n])', re.DOTALL)
_LINE_INDENT = re.compile(rb"(?:^|\n)([ \t]*)$")
_OPEN_LINE = re.compile(rb"\{[ \t]*\r?\n")
_NEXT_OBJECT = re.compile(rb'\}[\s,]*+(?=\{\s*")')


def _recognise(head: bytes) -> bool:
    """Return whether the file begins with an object, or with an array that holds one."""
    text = head_as_utf8(head)
    return re.match(rb'[\s\x1e]*\{\s*["}]', text) is not None or (
        text.lstrip()[:1] == b"[" and re.search(rb'[\[\s,]\{\s*["}]', text) is not None
    )


def _split(stream: Stream) -> Iterator[Block | Bad]:
    """Return blocks of whole objects, and what stands between objects as bad."""
    return into_blocks(_NAME, _Cutter().cut(utf8(stream)), _BLOCK_BYTES)


class _Cutter:
    """Finds where each top-level object begins and ends.

    `held` is the text not yet given out, `at` how far it is searched, `start` where the open
    object begins (-1 outside of objects), `depth` how many braces are open.
    """

    def __init__(self) -> None:
        """Begin outside of any object."""
        self._held = b""
        self._at = 0
        self._start = -1
        self._depth = 0

    def cut(self, text: Stream) -> Iterator[bytes | Bad]:
        """Yield each object, and each piece of text between objects that is no separator as bad."""
        while more := take(text, max(_READ_BYTES, len(self._held))):
            self._held += more
            yield from self._objects(final=False)
            if len(self._held) > MAX_RECORD:
                yield from self._resume(text)
        yield from self._objects(final=True)
        if self._start >= 0:
            yield from self._guess()
        elif self._held.strip(_SEPARATORS):
            yield _stray(self._held)

    def _objects(self, *, final: bool) -> Iterator[bytes | Bad]:
        """Yield the objects that end in what is held, and drop what is done with."""
        done = 0
        while token := _TOKEN.match(self._held, self._at):
            end, mark = token.end(), token[1]
            if mark == b'"':
                line_end = self._held.find(b"\n", end)
                if line_end < 0 and not final:
                    self._at = end - 1
                    break
                end = line_end if line_end >= 0 else len(self._held)
            elif mark == b"{":
                if self._start < 0:
                    if self._held[done : end - 1].strip(_SEPARATORS):
                        yield _stray(self._held[done : end - 1])
                    self._start = end - 1
                self._depth += 1
            elif self._start >= 0:
                self._depth -= 1
                if not self._depth:
                    yield self._held[self._start : end]
                    self._start, done = -1, end
            self._at = end
        self._drop(done)

    def _drop(self, done: int) -> None:
        """Forget what is given out; keep the rest, beginning on its line so that the indent of an object is known."""
        keep = done
        if self._start >= 0:
            keep = max(done, self._held.rfind(b"\n", done, self._start))
        self._held = self._held[keep:]
        self._at = max(0, self._at - keep)
        self._start = self._start - keep if self._start >= 0 else -1

    def _guess(self) -> Iterator[bytes]:
        """Yield an object without end, cut where another seems to begin: at its indent, or after a closing brace."""
        indent = _LINE_INDENT.search(self._held[: self._start])
        borders: list[int] = []
        if indent:
            same_indent = re.compile(rb"\n" + indent[1] + rb'(?=\{\s*["}])')
            borders = [found.end() for found in same_indent.finditer(self._held, self._start + 1)]
        if not borders and not _OPEN_LINE.match(self._held, self._start):
            borders = [found.end() for found in _NEXT_OBJECT.finditer(self._held, self._start + 1)]
        begin = self._start
        for border in (*borders, len(self._held)):
            yield self._held[begin:border]
            begin = border

    def _resume(self, text: Stream) -> Iterator[bytes | Bad]:
        """Get on after MAX_RECORD without an end: from the last object that seems to begin in it, or past it."""
        if self._start < 0:
            yield _stray(self._held)
            self._held, self._at = b"", 0
            return
        pieces = list(self._guess())
        if len(pieces) > 1:
            yield from pieces[:-1]
            self._held, self._at, self._start, self._depth = pieces[-1], 0, -1, 0
            return
        yield Bad(0, TOO_LONG)
        self._held = self._skip(text)
        self._at, self._start, self._depth = 0, -1, 0

    def _skip(self, text: Stream) -> bytes:
        """Read past the end of the open object without holding it; return what was read beyond it."""
        held, at, depth, in_string = self._held, self._at, self._depth, False
        while True:
            pattern = _STRING_REST if in_string else _TOKEN
            if token := pattern.match(held, at):
                at = token.end()
                if in_string:
                    in_string = False
                elif token[1] == b'"':
                    in_string = True
                else:
                    depth += 1 if token[1] == b"{" else -1
                    if not depth:
                        return held[at:]
                continue
            tail = _odd_backslash(held) if in_string else b""
            more = take(text, _READ_BYTES)
            if not more:
                return b""
            held, at = tail + more, 0


def _odd_backslash(text: bytes) -> bytes:
    """Return the backslash at the end of `text` that escapes what comes next, or nothing."""
    return b"\\" if (len(text) - len(text.rstrip(b"\\"))) % 2 else b""


def _stray(text: bytes) -> Bad:
    """Return what is told of text between objects."""
    shown = text.strip(_SEPARATORS)[:40].decode("utf-8", "backslashreplace")
    return Bad(0, f"between the objects stands what is none: {shown!r}")


def _read(block: Block) -> Iterator[Run | Bad]:
    """Yield the events of all pieces."""
    return in_runs(_records(block))


def _records(block: Block) -> Iterator[Record | Bad]:
    for position, piece in enumerate(pieces_of(block), 1):
        outcome = decode(piece if piece[-1:] == b"}" else piece.rstrip(_SEPARATORS))
        yield Bad(position, outcome) if isinstance(outcome, str) else Record(position, outcome)


JSONSTREAM = Feed(_NAME, _recognise, _split, _read, is_text=True)
