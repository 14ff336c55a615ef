"""JSON lines: one JSON object a line, as log collectors write them.

Sees: UTF-8 with or without byte order mark, UTF-16 (PowerShell redirection), any line end.
Costs: about 6 µs an event of 2.3 KB, nearly all of it in the JSON decoder.
Misses: lines over 16 MiB, lines nested more than some hundred deep, numbers past 64 bits (rounded).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from carecordon.model.block import RUN, Bad, Block, Run
from carecordon.model.errors import defect
from carecordon.model.feed import HEAD_BYTES, Feed, Stream
from carecordon.pipeline.ingest.json_text import MAX_RECORD, TOO_LONG, decode
from carecordon.pipeline.ingest.stream import head_as_utf8, utf8

_NAME = "jsonlines"
_BLOCK_BYTES = 256 * 1024
"""Small enough for the second level of a processor's cache: a block is looked through twice."""
_LONG_LINE = 1024 * 1024
"""Lines from this length on are read with more care."""


def _recognise(head: bytes) -> bool:
    """Return whether at least half of the whole lines are objects, or one unending line begins like an object."""
    text = head_as_utf8(head)
    whole, _, rest = text.rpartition(b"\n")
    lines = [line for line in whole.split(b"\n") if line.strip()]
    if not lines:
        return isinstance(decode(rest), dict) or (len(head) >= HEAD_BYTES and _is_one_open_object(rest))
    objects = sum(isinstance(decode(line), dict) for line in lines)
    return 2 * objects >= len(lines)


def _is_one_open_object(text: bytes) -> bool:
    """Return whether an object begins here and has not ended."""
    try:
        json.JSONDecoder().raw_decode(text.lstrip().decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return re.match(rb'\s*\{\s*"', text) is not None
    return False


def _split(stream: Stream) -> Iterator[Block | Bad]:
    """Yield blocks of whole lines; a line over MAX_RECORD is told and never held."""
    text = utf8(stream)
    held: list[bytes] = []
    held_bytes = 0
    cut: tuple[int, int] | None = None  # the piece in which the last whole line ends, and where
    skipping = False
    while piece := text.read(_BLOCK_BYTES):
        if skipping:
            start = piece.find(b"\n") + 1
            skipping, piece = not start, piece[start:]
            if skipping:
                continue
        held.append(piece)
        held_bytes += len(piece)
        if end := piece.rfind(b"\n") + 1:
            cut = len(held) - 1, end
        if cut is not None and held_bytes >= _BLOCK_BYTES:
            whole, held = _parted(held, *cut)
            yield Block(_NAME, whole)
            held_bytes, cut = sum(map(len, held)), None
        elif cut is None and held_bytes > MAX_RECORD:
            yield Bad(0, TOO_LONG)
            held, held_bytes, skipping = [], 0, True
    if held_bytes:
        yield Block(_NAME, b"".join(held))


def _parted(pieces: list[bytes], index: int, end: int) -> tuple[bytes, list[bytes]]:
    """Return what stands before place `end` of the piece at `index` as one, and the pieces that follow."""
    piece = pieces[index]
    whole = b"".join((*pieces[:index], memoryview(piece)[:end]))
    return whole, [piece[end:], *pieces[index + 1 :]]


def _read(block: Block) -> Iterator[Run | Bad]:
    """Yield the events of all lines, and a Bad for each line that is none and not blank."""
    loads, refusal = orjson.loads, orjson.JSONDecodeError
    position = 1
    documents: list[dict[str, Any]] = []
    data = block.data
    view, find, start, size = memoryview(data), data.find, 0, len(data)
    while start < size:
        end = find(b"\n", start)
        if end < 0:
            end = size
        line = view[start:end]  # a view: copying the line would cost a tenth of decoding it
        start = end + 1
        try:
            document = loads(line) if len(line) < _LONG_LINE else None
        except refusal:
            document = None
        if type(document) is dict:
            documents.append(document)
            if len(documents) >= RUN:
                yield Run(position, documents)
                position += len(documents)
                documents = []
            continue
        outcome, zeros = _slowly(bytes(line))
        if documents and (zeros or isinstance(outcome, str)):
            yield Run(position, documents)
            position += len(documents)
            documents = []
        if zeros:
            yield Bad(position, f"{zeros:,} zero bytes stand before the record: a write that was cut short", 0)
        if isinstance(outcome, dict):
            documents.append(outcome)
        elif outcome is not None:
            yield Bad(position, outcome)
            position += 1
    if documents:
        yield Run(position, documents)


def _slowly(line: bytes) -> tuple[dict[str, Any] | str | None, int]:
    """Return what an odd line says (an event, why it is none, nothing if blank), and the zero bytes before an event."""
    if not line or line.isspace():
        return None, 0
    text = line.lstrip(b"\0")
    try:
        outcome = decode(text or line)
    except Exception as fault:  # noqa: BLE001  # told as a defect of ours, and the lines around it are read
        return defect(fault), 0
    return outcome, len(line) - len(text) if isinstance(outcome, dict) else 0


JSONLINES = Feed(_NAME, _recognise, _split, _read, is_text=True)
