"""What `carecordon send` reads: files once, or lines as they are written, and what of them could not be read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from carecordon.agent.fill import BATCH_EVENTS, Fresh
from carecordon.agent.follow import Follower, Lines
from carecordon.agent.positions import Place, Positions
from carecordon.cli.options import fail, say
from carecordon.model.batch import Rows
from carecordon.model.block import Bad, Block
from carecordon.model.errors import defect
from carecordon.model.event import LogSource
from carecordon.model.feed import HEAD_BYTES
from carecordon.pipeline import journey
from carecordon.pipeline.ingest.feeds import feed_named, sniff
from carecordon.scan.open import Opened, open_source
from carecordon.scan.walk import STDIN, Source, Unread, os_reason, walk

TOLD = 100
"""Bad records of one input that are told one by one; the rest are counted."""
IDLE_S = 0.2
"""A file that is followed is looked at so often."""


@dataclass(slots=True)
class Report:
    """What was read, and what was not."""

    found: int = 0
    files: int = 0
    already: int = 0
    unread: int = 0
    bad: int = 0
    faults: int = 0
    _told: dict[str, int] = field(default_factory=dict)

    @property
    def is_partial(self) -> bool:
        """Return whether something could not be read that may have been events."""
        return bool(self.bad or self.faults or self.unread)

    def bad_record(self, name: str, bad: Bad, before: int) -> None:
        """Tell a record that could not be read; `before` records stand before its block."""
        self.bad += bad.count
        if bad.count == 0:
            self.faults += 1
        told = self._told[name] = self._told.get(name, 0) + 1
        if told <= TOLD:
            many = f" ({bad.count:,} records)" if bad.count > 1 else ""
            say(f"{name}: record {before + max(1, bad.position):,}{many}: {bad.reason}")
        elif told == TOLD + 1:
            say(f"{name}: more bad records follow; they are only counted")

    def fault(self, name: str, reason: str) -> None:
        """Tell why an input could not be read to its end, or cannot be trusted."""
        self.faults += 1
        say(f"{name}: {reason}")

    def leave(self, unread: Unread) -> None:
        """Tell what is not read, where it may hold events."""
        if unread.is_failure:
            self.unread += 1
            say(f"{unread.name}: {unread.reason}")


class _Done(msgspec.Struct, frozen=True):
    """How far a file is sent: so many of its events, and whether that is all."""

    events: int = 0
    is_whole: bool = False


def files(paths: Iterable[str], bound: LogSource | None, positions: Positions, report: Report) -> Iterator[Fresh]:
    """Yield the events of files, folders and standard input, each with how far its file is sent with it.

    A file is known by what is in it: the same again, under whatever name, is not sent twice.
    """
    for source in walk(paths):
        report.found += 1
        if isinstance(source, Unread):
            report.leave(source)
            continue
        try:
            key = None if source.path is None else _key(source.path)
        except OSError as fault:
            report.leave(Unread(source.name, os_reason(fault), True))
            continue
        done = _done(positions, key)
        if done.is_whole:
            report.already += 1
            say(f"{source.name}: sent before, nothing of it is sent again")
            continue
        yield from _Reading(source, key, done.events, bound, report).pieces()
        report.files += 1


class _Reading:
    """One source being read."""

    def __init__(self, source: Source, key: str | None, skip: int, bound: LogSource | None, report: Report) -> None:
        """Read `source`, of which `skip` events were sent before."""
        self._source, self._key, self._report = source, key, report
        self._state = journey.reading_only(bound)
        self._skip = skip
        self._seen = 0
        self._rows = Rows()

    def pieces(self) -> Iterator[Fresh]:
        """Yield the events that were not sent before."""
        is_whole, is_any = True, False
        for opened in open_source(self._source):
            if isinstance(opened, Unread):
                self._report.leave(opened)
                is_whole = is_whole and not opened.is_failure
                continue
            is_any = True
            yield from self._opened(opened)
            for fault in opened.facts().faults:
                is_whole = False
                self._report.fault(opened.name, fault)
        if is_any:
            yield Fresh(self._rows, self._place(is_whole=is_whole))

    def _opened(self, opened: Opened) -> Iterator[Fresh]:
        before = 0
        for block in opened.blocks():
            if isinstance(block, Bad):
                self._report.bad_record(opened.name, block, before)
                before += block.count
                continue
            for some in read_block(self._state, block, opened.name, before, self._report):
                if isinstance(some, Rows):
                    self._add(some)
                    if len(self._rows) >= BATCH_EVENTS:
                        rows, self._rows = self._rows, Rows()
                        yield Fresh(rows, self._place(is_whole=False))
                else:
                    before += some

    def _add(self, some: Rows) -> None:
        gone = min(max(0, self._skip - self._seen), len(some))
        self._seen += len(some)
        join(self._rows, some, gone)

    def _place(self, *, is_whole: bool) -> Place | None:
        if self._key is None:
            return None
        return Place(self._key, msgspec.json.encode(_Done(max(self._seen, self._skip), is_whole)).decode())


def read_block(state: journey.ReadState, block: Block, name: str, before: int, report: Report) -> Iterator[Rows | int]:
    """Yield the events of a block, and last how many records it had; `before` stand before it in its input."""
    records = 0
    try:
        for some in journey.read_step(state, feed_named(block.feed), block):
            if isinstance(some, Bad):
                report.bad_record(name, some, before)
                records = max(records, some.position + some.count - 1)
            else:
                records = max(records, some.positions[-1])
                yield some
    except Exception as fault:  # noqa: BLE001  # what was read before it stays, and it is told
        report.fault(name, f"record {before + records + 1:,}: {defect(fault)}")
    yield records


def join(rows: Rows, more: Rows, gone: int = 0) -> None:
    """Put the events of `more` behind those of `rows`, without its first `gone`."""
    rows.kinds += more.kinds[gone:]
    rows.fields += more.fields[gone:]
    rows.times += more.times[gone:]
    rows.devices += more.devices[gone:]
    rows.record_ids += more.record_ids[gone:]
    rows.positions += more.positions[gone:]


async def following(
    paths: Iterable[str], bound: LogSource | None, positions: Positions, report: Report, stop: asyncio.Event
) -> AsyncIterator[Fresh]:
    """Yield the events of files as they are written, until `stop`."""
    tails = [_Tail(path, bound, positions, report) for path in paths]
    try:
        while not stop.is_set():
            is_idle = True
            for tail in tails:
                pieces = tail.pieces()
                while not stop.is_set() and (fresh := await asyncio.to_thread(next_of, pieces)) is not None:
                    is_idle = False
                    yield fresh
            if is_idle:
                await _pause(stop)
    finally:
        for tail in tails:
            tail.close()


def next_of(pieces: Iterator[Fresh]) -> Fresh | None:
    """Return the next piece; None at the end."""
    return next(pieces, None)


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(IDLE_S):
            await stop.wait()
    except TimeoutError:
        return


class _Tail:
    """One file that is followed."""

    def __init__(self, path: str, bound: LogSource | None, positions: Positions, report: Report) -> None:
        """Go on where it was left."""
        self._path, self._report = path, report
        self._key = f"follow:{Path(path).resolve()}"
        self._follower = Follower(Path(path), positions.at(self._key))
        self._state = journey.reading_only(bound)
        self._trouble = ""
        report.found += 1
        report.files += 1

    def pieces(self) -> Iterator[Fresh]:
        """Yield what has come since the last call."""
        try:
            for some in self._follower.read():
                if isinstance(some, Bad):
                    self._report.bad_record(self._path, some, 0)
                else:
                    yield self._fresh(some)
            self._trouble = ""
        except OSError as fault:
            if self._trouble != (reason := os_reason(fault)):  # told once, and tried again
                self._report.fault(self._path, reason)
                self._trouble = reason

    def close(self) -> None:
        """Let go of the file."""
        self._follower.close()

    def _fresh(self, lines: Lines) -> Fresh:
        rows = Rows()
        for some in read_block(self._state, lines.block, self._path, lines.first, self._report):
            if isinstance(some, Rows):
                join(rows, some)
        return Fresh(rows, Place(self._key, lines.mark))


def check_followed(path: str) -> None:
    """End with status 2 where a path cannot be followed."""
    if path == STDIN:
        fail("--follow reads files; standard input is read to its end anyway: leave --follow out")
    if Path(path).is_dir():
        fail(f"--follow {path}: it is a folder; name the files in it that are written")
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        return  # it may come yet
    except OSError as fault:
        fail(f"--follow {path}: {os_reason(fault)}")
    feed = sniff(head) if head else None
    if head.strip() and (feed is None or not feed.is_text) and b"\n" in head:
        fail(f"--follow {path}: this is no file of JSON lines; send it without --follow")


def _key(path: Path) -> str:
    """Return what a file is known by."""
    with path.open("rb") as file:
        return f"whole:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _done(positions: Positions, key: str | None) -> _Done:
    """Return how far a file is sent."""
    text = None if key is None else positions.at(key)
    try:
        return _Done() if text is None else msgspec.json.decode(text, type=_Done)
    except msgspec.DecodeError:
        return _Done()
