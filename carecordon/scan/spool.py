"""Matches and process starts on disk until all are known: memory stays bounded, and they come back in one order.

The order is (time, file, position, rule), whatever order they came in; matches without a
time come last. They are sorted a run at a time, in memory, and the runs are merged when
they are read. The file is a temporary one that vanishes with the process; few matches
need none. Where it cannot grow, `fault` says why, and what was found is there all the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import IO, Any

import msgspec

from carecordon.model.event import Fields
from carecordon.model.match import Match, RuleHead
from carecordon.model.process import ProcessStart

LAST = (1 << 63) - 1
LIMIT = 1 << 64
"""Whole numbers from here on do not fit msgpack: they are kept as their text."""
RUN_BYTES = 16 << 20
"""What is held in memory before it goes to disk."""
PIECE_BYTES = 16 << 10
"""What is read of a run at a time: a thousand runs are merged in some tens of MiB."""
ROW_BYTES = 300
"""What a match takes in memory beside its packed body."""

Row = tuple[int, str, int, str, bytes]
"""Time, file, position, rule id ('' for the start of a process), and the rest of it, packed."""
Found = Match | ProcessStart
STARTED = tuple(name for name in ProcessStart.__struct_fields__ if name not in {"time", "file", "position"})
Run = list[tuple[int, int]]
"""Where the pieces of a run lie: start and size."""


class Spool:
    """A temporary file of what is found. `fault`: why it could not take any more, None while it can."""

    def __init__(self, run_bytes: int | None = None) -> None:
        """Begin without a file; `run_bytes`, else RUN_BYTES, are held in memory before there is one."""
        self.fault: str | None = None
        self._run_bytes = RUN_BYTES if run_bytes is None else run_bytes
        self._file: IO[bytes] | None = None
        self._runs: list[Run] = []
        self._fresh: list[Row] = []
        self._fresh_bytes = 0
        self._heads: dict[str, RuleHead] = {}
        self._encode = msgspec.msgpack.Encoder(enc_hook=str).encode

    def add(self, found: Iterable[Found]) -> None:
        """Keep what is found; in memory, without a bound, once there is a fault: so the caller must soon stop."""
        for one in found:
            row = self._row(one) if isinstance(one, Match) else _start_row(one)
            self._fresh.append(row)
            self._fresh_bytes += len(row[-1]) + ROW_BYTES
            if self._fresh_bytes >= self._run_bytes and self.fault is None:
                self._put_away()

    def __iter__(self) -> Iterator[Match]:
        """Yield all matches in order."""
        return (self._match(row) for row in self._rows() if row[3])

    def all(self) -> Iterator[Found]:
        """Yield matches and process starts in order; a process starts before anything of its moment matches."""
        return (self._match(row) if row[3] else _start(row) for row in self._rows())

    def _rows(self) -> Iterator[Row]:
        runs = [_read(self._file, run) for run in self._runs] if self._file else []
        return merge(*runs, sorted(self._fresh))

    def _match(self, row: Row) -> Match:
        time, file, position, rule, body = row
        record_id, device, channel, event_id, digest, fields, carried, subject = msgspec.msgpack.decode(body)
        return Match(
            self._heads[rule],
            file,
            position,
            record_id,
            None if time == LAST else time,
            device,
            channel,
            event_id,
            _tuples(fields),
            _tuples(carried),
            _tuples(subject),
            digest,
        )

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
                run.append(_write(self._file, self._encode(piece)))
                piece, size = [], 0
        if piece:
            run.append(_write(self._file, self._encode(piece)))
        return run

    def _row(self, match: Match) -> Row:
        self._heads[match.rule.id] = match.rule
        head = (match.record_id, match.device, match.channel, match.event_id)
        maps = (match.fields, match.carried, match.subject)
        try:
            packed = self._encode((*head, match.digest, *maps))
        except (OverflowError, UnicodeEncodeError):
            packed = self._encode((*map(_packed, head), match.digest, *map(_packable, maps)))
        time = LAST if match.time is None else match.time
        return time, match.file, match.position, match.rule.id, packed


def _start_row(start: ProcessStart) -> Row:
    body = [getattr(start, name) for name in STARTED]
    try:
        packed = msgspec.msgpack.encode(body)
    except UnicodeEncodeError:
        packed = msgspec.msgpack.encode([_packed(part) for part in body])
    return start.time, start.file, start.position, "", packed


def _start(row: Row) -> ProcessStart:
    time, file, position, _, body = row
    rest = dict(zip(STARTED, msgspec.msgpack.decode(body), strict=True))
    return ProcessStart(time=time, file=file, position=position, **rest)


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
        yield from map(tuple, msgspec.msgpack.decode(packed))


def _tuples(fields: dict[str, Any]) -> Fields:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _packable(fields: Fields) -> dict[str, Any]:
    return {_text(name): _packed(value) for name, value in fields.items()}


def _packed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_packed(part) for part in value]
    if isinstance(value, int) and not -LIMIT // 2 <= value < LIMIT:
        return str(value)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
