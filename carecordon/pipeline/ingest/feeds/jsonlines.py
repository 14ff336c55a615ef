"""JSON lines: one JSON object a line, as log collectors write them.

Sees: UTF-8 with or without byte order mark, UTF-16 (PowerShell redirection), any line end.
Costs: about 6 µs an event of 2.3 KB, nearly all of it in the JSON decoder.
Misses: lines over 16 MiB, lines nested more than some hundred deep, numbers past 64 bits (rounded).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import orjson

from carecordon.model.block import Bad, Block, Record
from carecordon.model.feed import HEAD_BYTES, Feed, Stream
from carecordon.pipeline.ingest.json_text import MAX_RECORD, TOO_LONG, decode
from carecordon.pipeline.ingest.stream import head_as_utf8, take, utf8

_NAME = "jsonlines"
_BLOCK_BYTES = 1024 * 1024


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
    """Yield blocks of whole lines, about 1 MiB each; a line over MAX_RECORD is told and never held."""
    text = utf8(stream)
    held: list[bytes] = []
    held_bytes = 0
    skipping = False
    while piece := take(text, _BLOCK_BYTES):
        end = piece.rfind(b"\n") + 1
        if skipping and (start := piece.find(b"\n") + 1):
            piece, end, skipping = piece[start:], end - start, False
        if skipping:
            continue
        if end:
            yield Block(_NAME, b"".join((*held, memoryview(piece)[:end])))
            held, held_bytes, piece = [], 0, piece[end:]
        held.append(piece)
        held_bytes += len(piece)
        if held_bytes > MAX_RECORD:
            yield Bad(0, TOO_LONG)
            held, held_bytes, skipping = [], 0, True
    if held_bytes:
        yield Block(_NAME, b"".join(held))


def _read(block: Block) -> Iterator[Record | Bad]:
    """Yield one record for each line that is not blank."""
    loads, refusal = orjson.loads, orjson.JSONDecodeError
    position = 0
    data = block.data
    view, find, start, size = memoryview(data), data.find, 0, len(data)
    while start < size:
        end = find(b"\n", start)
        if end < 0:
            end = size
        line = view[start:end]  # a view: copying the line would cost a tenth of decoding it
        start = end + 1
        try:
            document = loads(line) if len(line) < _BLOCK_BYTES else None
        except refusal:
            document = None
        if type(document) is dict:
            position += 1
            yield Record(position, document)
        elif line and not bytes(line).isspace():
            position += 1
            outcome = decode(bytes(line))
            yield Bad(position, outcome) if isinstance(outcome, str) else Record(position, outcome)


JSONLINES = Feed(_NAME, _recognise, _split, _read, is_text=True)
