"""EVTX: the binary event log of Windows Vista and later, read chunk by chunk.

Sees: every record whose bytes stand, also after a damaged one, in a damaged chunk or past the file header's count.
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
_DIRTY = 1


def _recognise(head: bytes) -> bool:
    """Return whether the file's own magic stands, or that of its first or second chunk."""
    chunks = (_HEADER_BYTES, _HEADER_BYTES + CHUNK_BYTES)
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
        yield Bad(0, "the file header is overwritten; every chunk found is read", 0)
    while chunk := take(stream, CHUNK_BYTES):
        yield from tally.admit(chunk)
    yield from tally.close()


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
        self._beyond = 0
        self._lost = 0
        self._cut = 0
        self._last: int | None = None

    def admit(self, chunk: bytes) -> Iterator[bytes | Bad]:
        """Yield the chunk if it may hold records, after what was lost before it."""
        self._seen += 1
        self._cut = len(chunk) % CHUNK_BYTES
        if not holds_records(chunk):
            is_unused = self._seen > self._promised and chunk == bytes(len(chunk))
            self._lost += not is_unused
            return
        numbers = numbers_of(chunk)
        if self._lost:
            yield self._told(f"{_chunks_are(self._lost)} overwritten", self._lost, numbers and numbers[0])
            self._lost = 0
        self._beyond += self._seen > self._promised
        self._last = numbers and numbers[1]
        yield chunk

    def close(self) -> Iterator[Bad]:
        """Yield what is lost at the end of the file."""
        missing = max(0, self._promised - self._seen)
        if missing:
            reason = f"the file ends after {self._seen:,} of the {self._promised:,} chunks that its header counts"
            reason += f", and {_chunks_are(self._lost)} overwritten" if self._lost else ""
            yield self._told(reason, missing + self._lost, self._next)
        elif self._lost:
            cut = f"the file ends inside a chunk, after {self._cut:,} bytes" if self._cut else ""
            reason = cut if cut and self._lost == 1 else f"{_chunks_are(self._lost)} overwritten{cut and f'; {cut}'}"
            yield self._told(reason, self._lost, self._next)
        elif self._beyond and not self._is_dirty:
            held = self._promised + self._beyond
            yield Bad(0, f"the file header counts {self._promised:,} chunks, the file holds {held:,}: all were read", 0)

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
