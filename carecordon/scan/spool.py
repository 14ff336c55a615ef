"""Matches and process starts on disk until all are known: memory stays bounded, and they come back in one order.

The order is (time, file, position, rule), whatever order they came in; matches without a
time come last. They are sorted a run at a time, in memory, and the runs are merged when
they are read. The file is a temporary one that vanishes with the process; few matches
need none. Where it cannot grow, `fault` says why, and what was found is there all the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import IO

import msgspec

from carecordon.model.match import Match, RuleHead
from carecordon.scan.rows import ROW_BYTES, Found, Row, found_in

RUN_BYTES = 16 << 20
"""What is held in memory before it goes to disk."""
PIECE_BYTES = 16 << 10
"""What is read of a run at a time: a thousand runs are merged in some tens of MiB."""

Run = list[tuple[int, int]]
"""Where the pieces of a run lie: start and size."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Row]).decode


class Spool:
    """A temporary file of what is found. `fault`: why it could not take any more, None while it can."""

    def __init__(self, heads: Mapping[str, RuleHead], run_bytes: int | None = None) -> None:
        """Begin without a file; `heads` are those of the rules that may match, by id.

        `run_bytes`, else RUN_BYTES, are held in memory before there is a file.
        """
        self.fault: str | None = None
        self._heads = heads
        self._run_bytes = RUN_BYTES if run_bytes is None else run_bytes
        self._file: IO[bytes] | None = None
        self._runs: list[Run] = []
        self._fresh: list[Row] = []
        self._fresh_bytes = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Keep what is found; in memory, without a bound, once there is a fault: so the caller must soon stop."""
        for row in rows:
            self._fresh.append(row)
            self._fresh_bytes += len(row[-1]) + ROW_BYTES
            if self._fresh_bytes >= self._run_bytes and self.fault is None:
                self._put_away()

    def __iter__(self) -> Iterator[Match]:
        """Yield all matches in order."""
        matches = found_in((row for row in self._rows() if row[3]), self._heads)
        return (one for one in matches if isinstance(one, Match))

    def all(self) -> Iterator[Found]:
        """Yield matches and process starts in order; a process starts before anything of its moment matches."""
        return found_in(self._rows(), self._heads)

    def _rows(self) -> Iterator[Row]:
        runs = [_read(self._file, run) for run in self._runs] if self._file else []
        return merge(*runs, sorted(self._fresh))

    @property
    def place(self) -> str:
        """Return the folder of temporary files."""
        try:
            return tempfile.gettempdir()
        except OSError:
            return "temporary files"

    def close(self) -> None:
        """Let the temporary file go."""
        if self._file is not None:
            self._file.close()

    def _put_away(self) -> None:
        """Write what is in memory as one more run; where that fails it stays in memory."""
        self._fresh.sort()
        try:
            run = self._written()
        except OSError as fault:
            why = fault.strerror or fault
            self.fault = f"no more temporary files can be written here ({why}); TMPDIR may name another folder"
            return
        self._runs.append(run)
        self._fresh = []
        self._fresh_bytes = 0

    def _written(self) -> Run:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # lives as long as the spool
        run: Run = []
        piece: list[Row] = []
        size = 0
        for row in self._fresh:
            piece.append(row)
            size += len(row[-1])
            if size >= PIECE_BYTES:
                run.append(_write(self._file, _encode(piece)))
                piece, size = [], 0
        if piece:
            run.append(_write(self._file, _encode(piece)))
        return run


def _write(file: IO[bytes], packed: bytes) -> tuple[int, int]:
    """Write a piece at the end of the file; return where it lies. Raises OSError where no more will go in."""
    start = file.seek(0, 2)
    left = memoryview(packed)
    while left:
        left = left[file.write(left) :]
    return start, len(packed)


def _read(file: IO[bytes], run: Run) -> Iterator[Row]:
    for start, size in run:
        file.seek(start)
        packed = b""
        while len(packed) < size and (more := file.read(size - len(packed))):
            packed += more
        yield from _decode(packed)
