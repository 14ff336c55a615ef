"""One EVTX chunk: its records found by their own marks, holes bridged, and what the parser hides told."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import NamedTuple

from carecordon.model.block import Bad
from carecordon.pipeline.ingest.evtx_parser import parse
from carecordon.pipeline.ingest.runs import Record

# Source of every offset: libyal, Windows XML Event Log (EVTX) format, sections on chunk header and event record.
CHUNK_BYTES = 65_536
CHUNK_MAGIC = b"ElfChnk\0"
MAX_RECORDS = (CHUNK_BYTES - 512) // 28
"""The most records that a chunk can hold: each has 24 bytes of header and 4 of trailer."""

_RECORDS_START = 512
_RECORD_MAGIC = b"**\0\0"
_MIN_RECORD = 28
_MIN_HOLE = 32
_RECORD_HEAD = struct.Struct("<4sIQ")
_SIZE = struct.Struct("<I")
_CHUNK_HEAD = struct.Struct("<8sQQQQIII")
_NO_NUMBER = (1 << 64) - 1
_END_OF_STREAM = b"\0"


class _Span(NamedTuple):
    """A stretch of the chunk: one record (`lost` 0), or a hole in which `lost` records lay."""

    start: int
    end: int
    number: int
    lost: int = 0


def holds_records(chunk: bytes) -> bool:
    """Return whether the chunk, perhaps cut, has its magic, or a record where the first must stand."""
    has_magic = chunk.startswith(CHUNK_MAGIC) and len(chunk) > _RECORDS_START
    return has_magic or chunk.startswith(_RECORD_MAGIC, _RECORDS_START)


def numbers_of(chunk: bytes) -> tuple[int, int] | None:
    """Return the identifiers of the first and the last record by the chunk's header; None if they cannot be true."""
    if len(chunk) < _RECORDS_START or not chunk.startswith(CHUNK_MAGIC):
        return None
    _, _, _, first, last, _, _, _ = _CHUNK_HEAD.unpack_from(chunk)
    return (first, last) if 0 <= last - first < MAX_RECORDS else None


def read_chunk(chunk: bytes, position: int) -> Generator[Record | Bad, None, int]:
    """Yield the records of a chunk (cut or whole), the first at `position`, and what of it is lost.

    Returns the position after its last record.
    """
    whole = chunk.ljust(CHUNK_BYTES, b"\0")
    spans = _undamaged(whole)
    readable = whole
    if not spans:
        spans = _spans(whole)
        readable = _bridged(whole, spans)
    for note in _notes(chunk, spans):
        yield Bad(position, note, 0)
    parsed = parse(readable, len(spans))
    for span in spans:
        outcome = next(parsed, "the parser stopped before this record")
        if span.lost:
            yield Bad(position, _hole_text(span), span.lost)
        elif isinstance(outcome, str):
            yield Bad(position, f"record {span.number}: {outcome}")
        else:
            yield Record(position, *outcome)
        position += span.lost or 1
    return position


def _notes(chunk: bytes, spans: list[_Span]) -> Iterator[str]:
    """Yield what is wrong with the chunk as a whole."""
    if len(chunk) < CHUNK_BYTES:
        yield f"the file ends inside a chunk, after {len(chunk):,} of its {CHUNK_BYTES:,} bytes"
    if not chunk.startswith(CHUNK_MAGIC):
        yield "the header of a chunk is overwritten; its records are found by their own marks"
        return
    found = sum(span.lost or 1 for span in spans)
    numbers = numbers_of(chunk)
    if numbers is None and spans:
        yield f"the header of a chunk cannot tell how many records it holds; {found:,} are found"
    elif numbers is not None and numbers[1] - numbers[0] + 1 != found:
        yield f"the header of a chunk counts {numbers[1] - numbers[0] + 1:,} records; {found:,} are found"


def _hole_text(span: _Span) -> str:
    last = span.number - 1
    records = f"record {last} is" if span.lost == 1 else f"records {last - span.lost + 1} to {last} are"
    return f"{span.end - span.start:,} bytes of a chunk are damaged: {records} lost"


def _undamaged(chunk: bytes) -> list[_Span]:
    """Return the records of a chunk in which all marks agree with its header; none if they do not."""
    numbers = numbers_of(chunk)
    free = _CHUNK_HEAD.unpack_from(chunk)[7]
    if numbers is None or free > CHUNK_BYTES:
        return []
    spans: list[_Span] = []
    at = _RECORDS_START
    while at < free:
        magic, size, number = _RECORD_HEAD.unpack_from(chunk, at)
        if magic != _RECORD_MAGIC or size < _MIN_RECORD or at + size > free or number != numbers[0] + len(spans):
            return []
        spans.append(_Span(at, at + size, number))
        at += size
    is_last = not chunk.startswith(_RECORD_MAGIC, at)
    return spans if is_last and len(spans) == numbers[1] - numbers[0] + 1 else []


def _spans(chunk: bytes) -> list[_Span]:
    """Return records and holes in order, without gaps from the first record's place on.

    What lies behind the header's free space pointer counts only while its numbers go on
    by one: a log that was not closed has such records, and left-overs do not fit.
    """
    _, _, _, _, _, _, _, free = _CHUNK_HEAD.unpack_from(chunk)
    used = free if chunk.startswith(CHUNK_MAGIC) and _RECORDS_START <= free <= CHUNK_BYTES else 0
    numbers = numbers_of(chunk)
    last = numbers[0] - 1 if numbers else None
    final = numbers[1] if numbers else None
    spans: list[_Span] = []
    at = _RECORDS_START
    while at + _MIN_RECORD <= CHUNK_BYTES:
        end, number = _record_at(chunk, at, used)
        is_next = last is None or number == last + 1
        if end and (end <= used or is_next):
            spans.append(_Span(at, end, number))
            at, last = end, number
            continue
        after = _resume_at(chunk, at, used or CHUNK_BYTES, last)
        if after is None:
            break
        number = _record_at(chunk, after, used)[1]
        lost = number - last - 1 if last is not None else 1
        spans.append(_Span(at, after, number, max(1, lost)))
        at, last = after, number - 1
    lost = _lost_at_end(at, used, last, final)
    if lost and at + _MIN_HOLE <= CHUNK_BYTES:
        spans.append(_Span(at, max(used, at + _MIN_HOLE), (last or 0) + lost + 1, lost))
    return spans


def _lost_at_end(at: int, used: int, last: int | None, final: int | None) -> int:
    """Return how many records stood behind the last one that is found."""
    if at >= used:
        return 0 if used else max(0, (final or 0) - (last or 0))
    if last is not None and final is not None and 0 < final - last <= (used - at) // _MIN_RECORD:
        return final - last
    return 1


def _record_at(chunk: bytes, at: int, used: int) -> tuple[int, int]:
    """Return end and number of the record that begins here; end 0 if none does."""
    if at + _MIN_RECORD > CHUNK_BYTES:
        return 0, 0
    magic, size, number = _RECORD_HEAD.unpack_from(chunk, at)
    end = at + size
    if magic != _RECORD_MAGIC or not _MIN_RECORD <= size <= CHUNK_BYTES - at:
        return 0, 0
    is_closed = _SIZE.unpack_from(chunk, end - 4)[0] == size
    if is_closed or end == used or chunk.startswith(_RECORD_MAGIC, end):
        return end, number
    return 0, 0


def _resume_at(chunk: bytes, at: int, limit: int, last: int | None) -> int | None:
    """Return where, behind a hole from `at` on, a record stands whose number fits; None if nowhere before `limit`."""
    after = at + _MIN_HOLE - 1
    while (after := chunk.find(_RECORD_MAGIC, after + 1, limit)) >= 0:
        end, number = _record_at(chunk, after, 0)
        most = (after - at) // _MIN_RECORD
        if end and (last is None or 0 < number - last <= most + 1):
            return after
    return None


def _bridged(chunk: bytes, spans: list[_Span]) -> bytes:
    """Return the chunk with each hole made an empty record, and a header by which the parser reads on to the end.

    Nothing moves, for records point into each other; what the parser needs from a hole it may
    still find there. The parser stops at the record with the header's last number, so that
    number is made one that no record has.
    """
    end = spans[-1].end if spans else _RECORDS_START
    last_start = spans[-1].start if spans else _RECORDS_START
    bridged = bytearray(chunk)
    _CHUNK_HEAD.pack_into(bridged, 0, CHUNK_MAGIC, 0, _NO_NUMBER, 0, _NO_NUMBER, 128, last_start, end)
    holes = [span for span in spans if span.lost]
    for hole in holes:
        size = hole.end - hole.start
        _RECORD_HEAD.pack_into(bridged, hole.start, _RECORD_MAGIC, size, 0)
        bridged[hole.start + 16 : hole.start + 25] = bytes(8) + _END_OF_STREAM
        _SIZE.pack_into(bridged, hole.end - 4, size)
    return bytes(bridged)
