"""What `carecordon send` reads once: files, and standard input as it comes; and what of them could not be read."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from carecordon.agent.fill import BATCH_EVENTS, Fresh
from carecordon.agent.follow import FEED
from carecordon.agent.piped import Piped, lines
from carecordon.agent.positions import Place, Positions
from carecordon.cli.options import say
from carecordon.model.batch import Rows
from carecordon.model.block import Bad, Block
from carecordon.model.errors import defect
from carecordon.model.event import LogSource
from carecordon.model.feed import HEAD_BYTES
from carecordon.pipeline import journey
from carecordon.pipeline.ingest.feeds import feed_named, sniff
from carecordon.scan.kinds import describe
from carecordon.scan.open import Opened, open_source
from carecordon.scan.walk import Source, Unread, os_reason, walk

TOLD = 100
"""Bad records of one input that are told one by one; the rest are counted."""
CLEAR_LINES = 20
"""Standard input that began with so many lines of text, none of them an event, is none."""


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


def files(
    paths: Iterable[str], bound: LogSource | None, positions: Positions, report: Report, is_stopped: Callable[[], bool]
) -> Iterator[Fresh]:
    """Yield the events of files, folders and standard input, each with how far its file is sent with it.

    A file is known by what is in it: the same again, under whatever name, is not sent twice. Ends soon after
    `is_stopped`: of standard input with all that was read of it.
    """
    for source in walk(paths):
        if is_stopped():
            return
        report.found += 1
        if isinstance(source, Unread):
            report.leave(source)
            continue
        if source.path is None:
            yield from _standard_input(source, bound, report, is_stopped)
            continue
        try:
            key = _key(source.path)
        except OSError as fault:
            report.leave(Unread(source.name, os_reason(fault), True))
            continue
        done = _done(positions, key)
        if done.is_whole:
            report.already += 1
            if source.is_named:
                say(f"{source.name}: read before from this --state, nothing of it is sent again")
            continue
        for fresh in _Reading(key, done.events, bound, report).pieces(open_source(source)):
            yield fresh
            if is_stopped():
                return


def _standard_input(
    source: Source, bound: LogSource | None, report: Report, is_stopped: Callable[[], bool]
) -> Iterator[Fresh]:
    """Yield the events of standard input: of JSON lines as they come, of all else as a file's."""
    if sys.stdin is None:
        report.leave(Unread(source.name, "standard input is closed: pipe something into it", True))
        return
    piped, reading = Piped(_reader(), is_stopped), _Reading(None, 0, bound, report)
    head = _beginning(piped)
    piped.give_back(head)
    if not head and is_stopped():
        return
    if _feed_of(head) == FEED:
        report.files += 1
        yield from reading.of_blocks(source.name, lines(piped))
    elif _is_no_event(head):
        report.leave(Unread(source.name, describe(head)[0], True))
    else:
        yield from reading.pieces(open_source(source, piped))
    if piped.fault is not None:
        report.fault(source.name, piped.fault)


def _reader() -> Callable[[int], bytes]:
    """Return what reads standard input: what is there, without waiting until there is more."""
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):
        return sys.stdin.buffer.read
    return lambda size: os.read(descriptor, size)


def _beginning(piped: Piped) -> bytes:
    """Return as much of the beginning as tells of what kind it is, as soon as it does."""
    head = b""
    while len(head) < HEAD_BYTES and (piece := piped.read(HEAD_BYTES - len(head))):
        head += piece
        if _feed_of(head) is not None or _is_no_event(head):
            break
    return head


def _feed_of(head: bytes) -> str | None:
    """Return which feed the whole lines at the beginning are of; None where they do not tell."""
    whole = head[: head.rfind(b"\n") + 1]
    feed = sniff(whole) if whole.strip() else None
    return None if feed is None else feed.name


def _is_no_event(head: bytes) -> bool:
    """Say whether the beginning is text, and long enough to see that it is no event's."""
    if head.count(b"\n") < CLEAR_LINES or b"\0" in head or _feed_of(head) is not None:
        return False
    try:
        head[: head.rfind(b"\n")].decode()
    except UnicodeDecodeError:
        return False
    return True


class _Reading:
    """One source being read."""

    def __init__(self, key: str | None, skip: int, bound: LogSource | None, report: Report) -> None:
        """Read what is known by `key`, of which `skip` events were sent before; None: it comes once only."""
        self._key, self._report = key, report
        self._state = journey.reading_only(bound)
        self._skip = skip
        self._seen = 0
        self._rows = Rows()

    def pieces(self, inputs: Iterable[Opened | Unread]) -> Iterator[Fresh]:
        """Yield the events that were not sent before, of all inputs that the source is or holds."""
        is_whole, is_any = True, False
        for opened in inputs:
            if isinstance(opened, Unread):
                self._report.leave(opened)
                is_whole = is_whole and not opened.is_failure
                continue
            is_any = True
            yield from self.of_blocks(opened.name, opened.blocks())
            for fault in opened.facts().faults:
                is_whole = False
                self._report.fault(opened.name, fault)
        if is_any:
            self._report.files += 1
            yield Fresh(self._rows, self._place(is_whole=is_whole))

    def of_blocks(self, name: str, blocks: Iterable[Block | Bad]) -> Iterator[Fresh]:
        """Yield the events of one input: in large pieces, but what comes once only after each block."""
        before = 0
        for block in blocks:
            if isinstance(block, Bad):
                self._report.bad_record(name, block, before)
                before += block.count
                continue
            for some in read_block(self._state, block, name, before, self._report):
                if isinstance(some, Rows):
                    self._add(some)
                    if len(self._rows) >= BATCH_EVENTS:
                        yield self._taken()
                else:
                    before += some
            if self._key is None and len(self._rows):
                yield self._taken()

    def _taken(self) -> Fresh:
        """Return what is held, and hold it no longer."""
        rows, self._rows = self._rows, Rows()
        return Fresh(rows, self._place(is_whole=False))

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


def next_of(pieces: Iterator[Fresh]) -> Fresh | None:
    """Return the next piece; None at the end."""
    return next(pieces, None)


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
