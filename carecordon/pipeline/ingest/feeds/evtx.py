"""EVTX: the binary event log of Windows Vista and later, read chunk by chunk.

Sees: every record whose bytes stand, also after a damaged one, in a damaged chunk or past the file header's count,
and in logs put one behind the other in one file.
Costs: about 15 µs an event; a chunk of 64 KiB is read alone, a block holds up to 16.
Misses: records in the unused end of a chunk (left over from before); messages, which live in DLLs, not in the log.
Dangers: where a record's template was overwritten, its text may be wrong; the damage beside it is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from carecordon.model.block import Bad, Block, Run
from carecordon.model.feed import Feed, Stream
from carecordon.pipeline.ingest.evtx_chunk import (
    CHUNK_BYTES,
    CHUNK_MAGIC,
    MAX_RECORDS,
    holds_records,
    numbers_of,
    read_chunk,
)
from carecordon.pipeline.ingest.pieces import into_blocks, pieces_of
from carecordon.pipeline.ingest.runs import Record, in_runs
from carecordon.pipeline.ingest.stream import take

_NAME = "evtx"
_FILE_MAGIC = b"ElfFile\0"
_HEADER_BYTES = 4096
_BLOCK_BYTES = 16 * CHUNK_BYTES
_PAGE_BYTES = 4096
_DIRTY = 1


def _recognise(head: bytes) -> bool:
    """Return whether the file's own magic stands, or that of a chunk as far as the head reaches."""
    chunks = range(_HEADER_BYTES, len(head), CHUNK_BYTES)
    return head.startswith(_FILE_MAGIC) or any(head.startswith(CHUNK_MAGIC, start) for start in chunks)


def _split(stream: Stream) -> Iterator[Block | Bad]:
    """Return blocks of up to 16 chunks; chunks that are lost are told between them."""
    return into_blocks(_NAME, _chunks(stream), _BLOCK_BYTES)


def _chunks(stream: Stream) -> Iterator[bytes | Bad]:
    """Yield each chunk that may hold records (the last perhaps cut), and what is missing where it is missing."""
    header = take(stream, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        yield Bad(0, f"the file ends inside its header, after {len(header):,} of {_HEADER_BYTES:,} bytes")
        return
    tally = _Tally(header)
    if not tally.has_header:
        reason = "the file header is overwritten; every chunk found is read, what is lost at the end cannot be told"
        yield Bad(0, reason, 0)
    while chunk := take(stream, CHUNK_BYTES):
        start = 0 if holds_records(chunk) else _chunk_within(chunk)
        if start:
            header, before = chunk[start - _HEADER_BYTES : start], chunk[:start]
            is_log = header.startswith(_FILE_MAGIC)
            if before := before[:-_HEADER_BYTES] if is_log else before:
                yield from tally.admit(before)
            if is_log:
                yield from tally.close()
                tally = _Tally(header)
                yield Bad(0, "another log begins behind the one before it; it is read too", 0)
            chunk = chunk[start:] + take(stream, start)
        yield from tally.admit(chunk)
    yield from tally.close()


def _chunk_within(piece: bytes) -> int:
    """Return where in a piece that is no chunk one begins, at the border of a page; 0 if nowhere."""
    pages = range(_PAGE_BYTES, len(piece), _PAGE_BYTES)
    return next((at for at in pages if piece.startswith(CHUNK_MAGIC, at)), 0)


class _Tally:
    """Holds the chunks of a file against what its header promises, and counts what is lost.

    Source: libyal, Windows XML Event Log (EVTX) format: number of chunks at offset 42, next
    record identifier at 24, flags (1 = not closed properly) at 120.
    """

    def __init__(self, header: bytes) -> None:
        """Begin a file with its header."""
        self.has_header = header.startswith(_FILE_MAGIC)
        self._promised = int.from_bytes(header[42:44], "little") if self.has_header else 0
        self._next = int.from_bytes(header[24:32], "little") if self.has_header else 0
        self._is_dirty = not self.has_header or bool(int.from_bytes(header[120:124], "little") & _DIRTY)
        self._seen = 0
        self._used = 0
        self._unused = 0
        self._lost = 0
        self._cut = 0
        self._last: int | None = None
        self._newest = 0

    def admit(self, chunk: bytes) -> Iterator[bytes | Bad]:
        """Yield the chunk if it may hold records, after what was lost before it."""
        self._seen += 1
        self._cut = len(chunk) % CHUNK_BYTES
        if not holds_records(chunk):
            if self._seen > self._promised and chunk == bytes(len(chunk)):
                self._unused += 1
            else:
                self._lost += 1
            return
        numbers = numbers_of(chunk)
        # What looked unused is lost if records follow it: the chunks of a log are used in order.
        if lost := self._lost + self._unused:
            yield self._told(f"{_chunks_are(lost)} overwritten", lost, numbers and numbers[0])
            self._lost = self._unused = 0
        self._used = self._seen
        self._last = numbers and numbers[1]
        self._newest = max(self._newest, self._last or 0)
        yield chunk

    def close(self) -> Iterator[Bad]:
        """Yield what is lost at the end of the log."""
        is_within = self._seen - self._unused <= self._promised
        following = self._next if is_within and not self._is_dirty else None
        missing = max(0, self._promised - self._seen)
        if missing:
            reason = f"the log ends after {self._seen:,} of the {self._promised:,} chunks that its header counts"
            reason += f", and {_chunks_are(self._lost)} overwritten" if self._lost else ""
            yield self._told(reason, missing + self._lost, following)
        elif self._lost:
            cut = f"the log ends inside a chunk, after {self._cut:,} bytes" if self._cut else ""
            reason = cut if cut and self._lost == 1 else f"{_chunks_are(self._lost)} overwritten{cut and f'; {cut}'}"
            yield self._told(reason, self._lost, following)
        elif not self._is_dirty:
            yield from self._contradicted()

    def _contradicted(self) -> Iterator[Bad]:
        """Yield what a header that was closed properly says otherwise than the chunks."""
        if self._used > self._promised:
            counts = f"the file header counts {self._promised:,} chunks, the file holds {self._used:,}"
            yield Bad(0, f"{counts}: every one that stands was read", 0)
        count = self._next - self._newest - 1
        if self._newest and 0 < count <= self._unused * MAX_RECORDS:
            found = f"the file header counts records to {self._next - 1:,}, the last found is {self._newest:,}"
            yield Bad(0, f"{found} before zero bytes: {count:,} records are lost", count)

    def _told(self, reason: str, chunks: int, following: int | None) -> Bad:
        """Return the loss of these chunks: the records that the numbers around them leave out, or one a chunk."""
        if self._last is not None and following is not None:
            count = following - self._last - 1
            if not count:
                return Bad(0, f"{reason}; by their numbers no records are lost", 0)
            if chunks <= count <= chunks * MAX_RECORDS:
                return Bad(0, f"{reason}: {count:,} records are lost", count)
        return Bad(0, f"{reason}: records are lost, at least one a chunk", chunks)


def _chunks_are(count: int) -> str:
    return "a chunk is" if count == 1 else f"{count:,} chunks are"


def _read(block: Block) -> Iterator[Run | Bad]:
    """Yield the records of each chunk."""
    return in_runs(_records(block))


def _records(block: Block) -> Iterator[Record | Bad]:
    position = 1
    for chunk in pieces_of(block):
        position = yield from read_chunk(chunk, position)


EVTX = Feed(_NAME, _recognise, _split, _read)
