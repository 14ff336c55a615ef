"""A log in one SQLite file: nothing to install, and on disk when it says so.

One call of `publish` is one commit with one fsync, and one row for each partition it touches. Acknowledgements, folding
and trimming are committed without an fsync of their own: a power cut may undo the last of them, which only brings
things again; the write-ahead log keeps the order, so that nothing of them outlives a group that it speaks of.
Checkpoints are made here and not by SQLite, as its writer: SQLite before 3.51.3 may damage a file when one process
makes a passive one while another begins the write-ahead log anew (sqlite.org/wal.html, "The WAL-Reset Bug", 2026).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from carecordon.model.errors import OurFault, TheirFault
from carecordon.model.stream import Damage, Entry, Lag, Part, Published, Tail
from carecordon.stream.backend import Backend
from carecordon.stream.backends.on_sqlite.bounds import Bounds, End, read_ack, read_bounds, write_ack
from carecordon.stream.backends.on_sqlite.driver import BUSY_S, STANDARD, Connection, Driver, as_os_error
from carecordon.stream.backends.on_sqlite.groups import Groups
from carecordon.stream.backends.on_sqlite.marks import Key, Marks
from carecordon.stream.backends.on_sqlite.schema import About, open_file, position_of, row_id
from carecordon.stream.backends.on_sqlite.wal import dropped
from carecordon.stream.frame import Head, Row, write_heads
from carecordon.stream.numbers import Held, take
from carecordon.stream.partition import MAX_CALL, check_part, partition_of

CHECKPOINT_AT = 4 * 1024 * 1024
"""Bytes written since the last checkpoint at which the next one is made."""
CHECKPOINT_WAIT_MS = 100
PAGE = 4_096
TRIM_GROUPS = 250
TRIM_PARTS = 1_000
TRIM_BYTES = 2 * 1024 * 1024
"""What one commit of `trim` deletes at most of a partition: some 10 ms in which nobody publishes."""
TRIM_ROUNDS = 64
TRIM_PAUSE_S = 0.025
"""SQLite lets a writer that waits look again after as long."""
FREE_PAGES = 4_096
"""Free pages that are kept for what comes; more are given back to the disk, GIVEN_PAGES a commit."""
GIVEN_PAGES = 256


class _Draft(NamedTuple):
    """What a call adds to one partition, once it is committed."""

    marks: Marks
    end: End
    changed: dict[Key, Held]


class SqliteStream:
    """A Stream (carecordon/model/stream.py) in one file; see `open_stream`."""

    def __init__(self, connection: Connection, path: Path, about: About, driver: Driver) -> None:
        """Take an open log."""
        self._connection = connection
        self._path = path
        self._about = about
        self._driver = driver
        self._groups = Groups(connection, driver)
        self._marks = [Marks(self._groups, partition) for partition in range(about.partitions)]
        self._written = 0

    @property
    def partitions(self) -> int:
        """Return the number of partitions, fixed when the log was made."""
        return self._about.partitions

    @property
    def epoch(self) -> int:
        """Return the number drawn at random when the log was made."""
        return self._about.epoch

    def partition_of(self, sender: str) -> int:
        """Return the partition that a sender's parts lie in."""
        return partition_of(sender, self._about.partitions)

    def publish(self, parts: Sequence[Part], now: int) -> list[Published]:
        """Append parts in one commit and return what became of each, in their order.

        Raises TheirFault where a part is none (nothing of the call is kept), OSError where the disk is full or fails.
        """
        shares: dict[int, list[int]] = {}
        for number, part in enumerate(parts):
            check_part(part)
            shares.setdefault(self.partition_of(part.sender), []).append(number)
        size = sum(len(part.data) for part in parts)
        if size > MAX_CALL:
            raise TheirFault(f"{self._path}: {size} bytes in one call, at most {MAX_CALL}: publish fewer parts")
        told: dict[int, Published] = {}
        if parts:
            self._look(shares)
            with self._writing("FULL"):
                drafts = [self._draft(partition, parts, numbers, now, told) for partition, numbers in shares.items()]
            for draft in drafts:
                draft.marks.adopt(draft.end, draft.changed)
            self._written += size + 4 * PAGE
            self._tidy()
        return [told[number] for number in range(len(parts))]

    def _draft(
        self, partition: int, parts: Sequence[Part], numbers: list[int], now: int, told: dict[int, Published]
    ) -> _Draft:
        """Write one partition's group, and into `told` what became of each of its parts."""
        marks = self._marks[partition]
        marks.refresh()
        changed: dict[Key, Held] = {}
        heads: list[Head] = []
        data: list[bytes] = []
        size = 0
        for number in numbers:
            part = parts[number]
            key = (part.sender, part.epoch)
            held = changed.get(key) or marks.get(key)
            check = zlib.crc32(part.data)
            taken = take(held, part.first, part.last, check)
            told[number] = Published(taken.outcome, held.mark + 1, taken.held.mark)
            if not taken.pieces:
                continue
            changed[key] = taken.held
            for first, last in taken.pieces:
                ends = (part.first, part.last, first - part.first, part.last - last)
                heads.append(Head(part.sender, part.epoch, *ends, size, len(part.data), check))
            data.append(part.data)
            size += len(part.data)
        if not heads:
            return _Draft(marks, marks.end, {})
        end = End(marks.end.position + 1, marks.end.parts + len(heads), marks.end.size + size)
        row = Row(partition, end.position, now, end.parts, end.size)
        values = (row_id(partition, end.position), now, end.parts, end.size, write_heads(row, heads), b"".join(data))
        self._connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", values)
        return _Draft(marks, end, changed)

    def mark(self, sender: str, epoch: int) -> int | None:
        """Return the highest number on disk of a sender's epoch; None where nothing is."""
        mark = self.tail(sender, epoch).mark
        return None if mark < 0 else mark

    def tail(self, sender: str, epoch: int) -> Tail:
        """Return what a sender's epoch ends with on disk."""
        marks = self._marks[self.partition_of(sender)]
        with self._reading():
            marks.refresh()
            held = marks.get((sender, epoch))
        return Tail(held.mark, held.check)

    def pull(self, partition: int, after: int, limit_bytes: int, upto: int | None = None) -> list[Entry]:
        """Return whole groups behind position `after`, in order; those that are damaged are left out and told."""
        self._check(partition)
        found: list[Entry] = []
        total = 0
        with self._reading():
            begin = max(after, read_bounds(self._groups, partition).trimmed.position)
            with closing(self._groups.entries(partition, begin, upto)) as groups:
                for entries, size in groups:
                    total += size
                    if found and total > limit_bytes:
                        break
                    found += entries
        return found

    def ack(self, consumer: str, partition: int, position: int) -> None:
        """Remember that `consumer` is done with everything up to `position`.

        Raises OurFault where no group has that position: what comes there later would be left out.
        """
        self._check(partition)
        if position <= self.acked(consumer, partition):
            return
        with self._writing("NORMAL"):
            last = self._end(partition).position
            if position > last:
                raise OurFault(
                    f"{self._path}: {consumer} acknowledges position {position} of {partition}, {last} is last"
                )
            if position > read_ack(self._groups, consumer, partition):
                write_ack(self._groups, consumer, partition, position)
        self._written += 2 * PAGE

    def acked(self, consumer: str, partition: int) -> int:
        """Return the position up to which `consumer` is done; 0 at first."""
        self._check(partition)
        with self._reading():
            return read_ack(self._groups, consumer, partition)

    def lag(self, consumer: str) -> Lag:
        """Return what `consumer` has not acknowledged, over all partitions: a few look-ups, however much it is."""
        parts, size, oldest = 0, 0, []
        with self._reading():
            for partition in range(self._about.partitions):
                done = read_ack(self._groups, consumer, partition)
                first = self._groups.first_after(partition, done)
                if first is None:
                    continue
                end, before = self._end(partition), self._before(partition, done)
                parts += max(0, end.parts - before.parts)
                size += max(0, end.size - before.size)
                oldest.append(first.received)
        return Lag(parts, size, min(oldest, default=None))

    def trim(self, consumers: Sequence[str]) -> int:
        """Forget what all of these consumers have acknowledged; return how many bytes of parts went.

        It goes in up to TRIM_ROUNDS bounded commits (TRIM_GROUPS, TRIM_PARTS, TRIM_BYTES of each partition) with pauses
        in which others publish; the next call goes on where this one ends.
        """
        gone, is_more, rounds = 0, bool(consumers), 0
        while is_more and rounds < TRIM_ROUNDS:
            if rounds:
                time.sleep(TRIM_PAUSE_S)
            rounds += 1
            size, is_more = self._trim(consumers)
            gone += size
            with suppress(OSError):  # nothing is lost by it: the pages are used again, or given back next time
                is_more = self._give_back() or is_more
        self._tidy()
        return gone

    def _trim(self, consumers: Sequence[str]) -> tuple[int, bool]:
        """Delete a bounded piece; return how many bytes of parts that was, and whether there is more."""
        with self._reading():  # so that next to nothing is left to read while nobody can publish
            for marks in self._marks:
                marks.refresh()
        done: list[tuple[Marks, Bounds]] = []
        gone, is_more = 0, False
        with self._writing("NORMAL"):
            for partition, marks in enumerate(self._marks):
                upto = min(read_ack(self._groups, consumer, partition) for consumer in consumers)
                start = marks.refresh().trimmed
                end, size = self._cut(partition, start, upto)
                if end == start:
                    continue
                done.append((marks, marks.fold(end, end)))
                ends = (row_id(partition, start.position), row_id(partition, end.position))
                self._connection.execute("DELETE FROM log WHERE id > ? AND id <= ?", ends)
                gone += size
                is_more = is_more or end.position < upto
        for marks, bounds in done:
            marks.folded(bounds)
        self._written += gone // 8 + 4 * PAGE
        return gone, is_more

    def damaged(self) -> list[Damage]:
        """Return what this object has met so far that the log can no longer give, and has left out."""
        return self._groups.told()

    def close(self) -> None:
        """Let go of the log; what is on disk stays."""
        self._connection.close()

    def look_at_tail(self) -> None:
        """Tell if SQLite has dropped the end of its write-ahead log for a frame that does not check."""
        if self._dropped() is None:
            return
        with self._writing("NORMAL"):
            pass  # whoever was just writing is done by now: what looked torn may have been half written
        reason = self._dropped()
        if reason is not None:
            cut = "; nothing acknowledged was in it if a kill or a power cut left it so"
            self._groups.tell(Damage(-1, 0, 0, f"{reason}{cut}"))

    def _dropped(self) -> str | None:
        _, frames = self._checkpoint()
        return None if frames < 0 else dropped(self._path.with_name(f"{self._path.name}-wal"), frames)

    def _look(self, partitions: Iterable[int]) -> None:
        """Read a partition's groups for the first time before anything is written.

        SQLite lets nobody commit who has met damage since the transaction began.
        """
        new = [marks for marks in map(self._marks.__getitem__, partitions) if not marks.has_looked]
        if new:
            with self._reading():
                for marks in new:
                    marks.refresh()

    def _check(self, partition: int) -> None:
        if not 0 <= partition < self._about.partitions:
            raise OurFault(f"{self._path}: there is no partition {partition}, it has {self._about.partitions}")

    def _end(self, partition: int) -> End:
        """Return the last position ever given, and what the partition has had up to it."""
        last = self._groups.last(partition)
        return End(last.position, last.parts, last.size) if last else read_bounds(self._groups, partition).trimmed

    def _before(self, partition: int, position: int) -> End:
        """Return what the partition had had up to `position`, or up to where it is trimmed."""
        row = self._groups.last_to(partition, position)
        return End(row.position, row.parts, row.size) if row else read_bounds(self._groups, partition).trimmed

    def _cut(self, partition: int, start: End, upto: int) -> tuple[End, int]:
        """Return up to where one call of `trim` may delete, and how many bytes of parts that is."""
        sql = (
            "SELECT id, CAST(parts AS INTEGER), CAST(size AS INTEGER), length(data) FROM log"
            " WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        )
        ends = (row_id(partition, start.position), row_id(partition, upto), TRIM_GROUPS)
        end, total = start, 0
        for row, parts, size, own in self._connection.execute(sql, ends).fetchall():
            if end != start and (total + own > TRIM_BYTES or parts - start.parts > TRIM_PARTS):
                break
            end, total = End(position_of(row), parts, size), total + own
        return end, total

    def _tidy(self) -> None:
        """Fold and write back when it is time; what fails here loses nothing and is tried again after the next call."""
        with suppress(OSError):
            if any(marks.is_full() for marks in self._marks):
                self._fold()
            if self._written >= CHECKPOINT_AT:
                is_whole, _ = self._checkpoint()
                self._written = 0 if is_whole else CHECKPOINT_AT // 2

    def _fold(self) -> None:
        done: list[tuple[Marks, Bounds]] = []
        with self._writing("NORMAL"):
            for marks in self._marks:
                trimmed = marks.refresh().trimmed
                done.append((marks, marks.fold(marks.end, trimmed)))
        for marks, bounds in done:
            marks.folded(bounds)

    def _give_back(self) -> bool:
        """Give free pages back to the disk; return whether there are more of them."""
        with self._reading():
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        if free <= FREE_PAGES:
            return False
        with self._writing("NORMAL"):
            for _ in range(GIVEN_PAGES):  # one by one: the standard library stops at the first
                self._connection.execute("PRAGMA incremental_vacuum(1)").fetchall()
        self._written += PAGE * GIVEN_PAGES
        return int(free) - GIVEN_PAGES > FREE_PAGES

    def _checkpoint(self) -> tuple[bool, int]:
        """Write back what is in the write-ahead log; return if all of it was, and how many frames it has (-1: ?)."""
        wait = "PRAGMA busy_timeout = "
        try:
            self._connection.execute(f"{wait}{CHECKPOINT_WAIT_MS}").fetchall()
            busy, frames, _ = self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()[0]
        except self._driver.fault:
            return False, -1
        finally:
            self._connection.execute(f"{wait}{int(BUSY_S * 1000)}").fetchall()
        return not busy, int(frames)

    @contextmanager
    def _writing(self, level: str) -> Iterator[None]:
        """Hold the write lock, commit at the end (with an fsync if `level` is FULL), undo it all if anything fails."""
        with self._faults():
            self._connection.execute(f"PRAGMA synchronous = {level}").fetchall()
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """See the log as it is at one moment."""
        with self._faults():
            self._connection.execute("BEGIN")
            yield
            self._connection.execute("ROLLBACK")  # SQLite lets nobody commit who has met damage

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except BaseException as fault:
            with suppress(self._driver.fault):  # SQLite has often done so itself
                self._connection.execute("ROLLBACK")
            if isinstance(fault, self._driver.fault):
                raise as_os_error(fault, self._path) from fault
            raise


def open_stream(path: str | Path, partitions: int | None = None, driver: Driver = STANDARD) -> SqliteStream:
    """Return the log at `path`; made there with so many partitions if it is not yet. Its folder exists.

    Raises TheirFault where the file is no log of ours, of another version or with other partitions; OSError where it
    cannot be used now.
    """
    place = Path(path)
    connection, about = open_file(place, partitions, driver)
    stream = SqliteStream(connection, place, about, driver)
    try:
        # A writer that was killed between write and fsync leaves commits that are seen and not yet on disk.
        driver.sync(place)
        stream.look_at_tail()
    except BaseException:
        stream.close()
        raise
    return stream


SQLITE = Backend("sqlite", open_stream)
