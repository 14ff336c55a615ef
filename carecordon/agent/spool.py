"""The durable queue of a device: batches on disk until the hub has them, in order, bounded, and every loss counted.

Each class of events has files of its own, so that what is worth least can go without touching the rest. All classes
share one count, in order of appending; what is dropped leaves a hole in it, and an event that tells of the hole. A
count belongs to an epoch, drawn at random when a spool is made and whenever numbers may have been forgotten that were
given away, so that no two events ever have the same name.
"""

from __future__ import annotations

import errno
import secrets
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from carecordon.agent.lane import Lane, Segment
from carecordon.agent.lock import Lock
from carecordon.agent.losses import DAMAGED, LOST, Loss, Tell, renumbered
from carecordon.agent.queued import Kept, Part
from carecordon.agent.rank import Rank
from carecordon.agent.segment import HEAD_BYTES, Name, Place
from carecordon.agent.tally import Dropped, Tally, read_tally, write_tally
from carecordon.model.errors import OurFault

LIMIT_BYTES = 256 * 1024 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
_SEGMENTS = 32
"""Files that a full spool has at least, so that making room costs no more than this part of it."""
_LEAST_SEGMENT = 4_096
_TELL_AFTER = 1_000
"""So many events may be turned away before it is told, while nothing else is taken either."""
_BEYOND = 1 << 40
"""What was given away of a count that was cut off is below its last known number and this."""
_SMALL = 65_536
"""A file that nothing waits in is kept up to this size, so that a calm device does not make files all day."""
TALLY = "tally"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Spool:
    """A folder of one process. What `append` returned from is on disk; a power cut loses none of it.

    >>> spool = Spool(folder, telling("ward-pc-07", clock))
    >>> spool.append([Part(Rank.PROCESS, spool.next, spool.next + 4, data)])
    >>> epoch = spool.carried
    >>> for kept in spool.read(epoch, after=-1, limit_bytes=1 << 20): ...
    >>> spool.ack(epoch, mark)

    `epoch` and `next` are what the next event gets; `dropped_total` and `acked_total` are events since it was opened.
    `is_patient`: who appends can wait, so that on a full disk nothing is dropped that the hub does not have.
    """

    def __init__(
        self,
        folder: Path,
        tell: Tell,
        limit_bytes: int = LIMIT_BYTES,
        draw: Callable[[], int] = lambda: secrets.randbits(63),
    ) -> None:
        """Open or make a spool; what of it cannot be read is taken out, counted and told by an event.

        Raises OSError where the folder cannot be used, or another process has it.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = Lock(folder / "lock")
        self._folder, self._tell, self._draw = folder, tell, draw
        self.limit_bytes = limit_bytes
        self._segment_bytes = max(_LEAST_SEGMENT, min(SEGMENT_BYTES, limit_bytes // _SEGMENTS))
        self._lanes = {rank: Lane(folder) for rank in Rank}
        self._waiting: list[Loss] = []
        """Losses that no event tells of yet, beside those that the tally counts."""
        self._old: list[int] = []
        self._is_torn = False
        """The present epoch stands in no file yet: nothing may be kept under it."""
        self.dropped_total = self.acked_total = 0
        self.is_patient = False
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise

    @property
    def epoch(self) -> int:
        """Return the epoch of what comes next."""
        return self._tally.epoch

    @property
    def next(self) -> int:
        """Return the number that the next event gets."""
        return self._tally.next

    @property
    def carried(self) -> int:
        """Return the epoch to carry now: an old one as long as anything of it is here, then the present one."""
        return self._old[0] if self._old else self.epoch

    @property
    def size_bytes(self) -> int:
        """Return the bytes of all records."""
        return sum(lane.size for lane in self._lanes.values())

    def given(self, epoch: int) -> int:
        """Return a number above all that were given away of an epoch, as a hello says it."""
        if epoch == self.epoch:
            return self.next
        return _BEYOND + max((one.last for _, one in self._of(epoch)), default=0)

    @property
    def pending(self) -> int:
        """Return how many events wait for their receipt."""
        return sum(segment.events for lane in self._lanes.values() for segment in lane.segments)

    def append(self, parts: Sequence[Part]) -> None:
        """Keep parts, whose numbers follow one another from `next` on; on return they are on disk.

        Where it is full, what is worth least goes first, oldest first; that may be a part itself. With no parts, only
        losses are told that were not yet. Raises OSError where not even that makes room, or the disk fails: then
        nothing is kept, no number is used, and nothing of these events may be forgotten elsewhere.
        """
        if self._is_torn:
            self._write_tally()
        if [part.first for part in parts] != [self.next, *(part.last + 1 for part in parts)][: len(parts)]:
            raise OurFault("spool: the numbers of parts do not follow one another")
        while True:
            kept, refused = self._make_room(parts)
            told = self._told(parts[-1].last + 1 if parts else self.next, refused, is_alone=bool(parts and not kept))
            try:
                if kept and refused:  # before numbers behind theirs are on disk, those turned away are counted
                    write_tally(self._folder / TALLY, self._with(refused), is_synced=True)
                self._write([*kept, *told])
                break
            except OSError as fault:
                if refused:
                    with suppress(OSError):
                        self._write_tally()
                least = max((Rank.PROCESS, *(part.rank for part in kept)))
                if fault.errno not in _FULL or not self._drop_one(None if self.is_patient else least):
                    raise
        self._settle(parts, refused, told)

    def read(self, epoch: int, after: int, limit_bytes: int) -> list[Kept]:
        """Return batches of an epoch behind number `after`, in order: as many as fit, but one if there is any."""
        found: list[Kept] = []
        size = 0
        while size < limit_bytes:
            try:
                coming = [(lane, lane.next_after(epoch, after)) for lane in self._lanes.values()]
            except OSError:
                break  # a file that cannot be looked into now: what is behind it must not go before it
            nexts = [(lane, one) for lane, one in coming if one is not None]
            if not nexts:
                break
            lane, (segment, place) = min(nexts, key=lambda one: one[1][1].first)
            if found and size + place.size > limit_bytes:
                break
            data = lane.batch(segment, place)
            if data is None:
                self._lose(segment, lane, place)
                continue
            found.append(Kept(epoch, place.first, place.last, data))
            size, after = size + place.size, place.last
        return found

    def agrees(self, epoch: int, mark: int, check: int) -> bool:
        """Return whether nothing here says that the batch which ends at `mark` has another CRC-32 than `check`.

        What is here of that number waits for its receipt; where nothing is, it was acknowledged, or is lost.
        """
        found = next((one for one in self.read(epoch, mark - 1, 1) if one.first <= mark), None)
        return found is None or (found.last == mark and zlib.crc32(found.data) == check)

    def note(self, loss: Loss) -> None:
        """Remember a loss, and tell of it by an event as soon as there is room."""
        self._waiting.append(loss)
        with suppress(OSError):
            self.append([])

    def ack(self, epoch: int, mark: int) -> None:
        """Forget everything of an epoch up to `mark`, which the hub has on disk; never goes back."""
        for lane, segment in list(self._of(epoch)):
            with suppress(OSError):  # what cannot be looked up now goes as a whole, later
                self.acked_total += segment.trim(mark)
            if not segment.events:
                self._retire(lane, segment)
        self._old = [one for one in self._old if any(self._of(one))]
        if epoch == self.epoch and mark >= self._tally.acked:
            self._tally.acked = mark + 1
            with suppress(OSError):  # the hub knows it too
                write_tally(self._folder / TALLY, self._tally, is_synced=False)

    def renumber(self, epoch: int) -> None:
        """Give what is left of an epoch new numbers in a new one: somebody else goes on with its count.

        After a crash on the way some of it may be there twice. Raises OSError where the disk fails.
        """
        if epoch == self.epoch:
            self._begin_anew()
        for lane, segment in sorted(self._of(epoch), key=lambda one: one[1].first):
            for place in list(segment.looked_up()):
                self._move(lane, segment, place)
            lane.forget(segment)
        self._old = [one for one in self._old if one != epoch]

    def _move(self, lane: Lane, segment: Segment, place: Place) -> None:
        first, last = self.next, self.next + place.last - place.first
        data = lane.batch(segment, place)
        fresh = None if data is None else renumbered(data, first)
        if fresh is None:
            self._waiting.append(Loss(DAMAGED, segment.name.rank, last - first + 1, place.first, place.last))
            return
        self._write([Part(segment.name.rank, first, last, fresh)])
        self._tally.next = last + 1

    def close(self) -> None:
        """Tell what is not told yet, and let go of the folder; what is on disk stays."""
        with suppress(OSError):
            self.append([])
            self._write_tally()
        for lane in self._lanes.values():
            lane.close()
        self._lock.release()

    def _open(self) -> None:
        """Take in what is there."""
        for left in self._folder.glob("*.new"):
            left.unlink()
        try:
            tally = read_tally(self._folder / TALLY)
        except FileNotFoundError:
            tally = None
        found = sorted(name for path in self._folder.iterdir() if (name := Name.of(path.name)) is not None)
        begun = {name.epoch: (self._folder / str(name)).stat().st_mtime_ns for name in reversed(found)}
        epochs = sorted(begun, key=lambda epoch: (tally is not None and epoch == tally.epoch, begun[epoch]))
        is_whole = True
        for name in sorted(found, key=lambda name: (epochs.index(name.epoch), name.base)):
            for hole in self._lanes[name.rank].mend(name):
                is_whole = False
                last = None if hole.before is None else hole.before - 1
                self._waiting.append(Loss(DAMAGED, name.rank, None, hole.after + 1, last, hole.size))
        if tally is None or tally.epoch not in begun or not is_whole:
            self._old = epochs
            self._begin(Tally(0) if tally is None else tally)
        else:
            self._old = epochs[:-1]
            self._tally = tally
            mine = [segment for _, segment in self._of(tally.epoch)]
            tally.next = max(tally.next, *(max(one.name.base, one.last + 1) for one in mine))
            for segment in mine:
                segment.trim(tally.acked - 1)
        with suppress(OSError):  # it is told with what comes next
            self.append([])

    def _begin(self, before: Tally) -> None:
        """Begin a new epoch, with the losses that the one before has not told."""
        self._tally = Tally(self._draw(), dropped=before.dropped)
        self._is_torn = True
        self._write_tally()

    def _write_tally(self) -> None:
        write_tally(self._folder / TALLY, self._tally, is_synced=True)
        self._is_torn = False

    def _begin_anew(self) -> None:
        """Begin a new epoch; what is here of the present one is carried first."""
        if any(self._of(self.epoch)):
            self._old.append(self.epoch)
        self._begin(self._tally)

    def _of(self, epoch: int) -> Iterator[tuple[Lane, Segment]]:
        """Yield the files of an epoch."""
        for lane in self._lanes.values():
            for segment in lane.segments:
                if segment.name.epoch == epoch:
                    yield lane, segment

    def _make_room(self, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
        """Return the parts that there is room for, and those that are worth less than all that is here."""
        kept, refused = list(parts), []
        while self.size_bytes + sum(HEAD_BYTES + len(part.data) for part in kept) > self.limit_bytes:
            least = max((part.rank for part in kept), default=Rank.ORDERS)
            if self._drop_one(max(least, Rank.PROCESS)):
                continue
            if least is Rank.ORDERS:
                raise OSError(errno.ENOSPC, "the spool is full of what must not be dropped", str(self._folder))
            first = next(part for part in kept if part.rank is least)
            kept.remove(first)
            refused.append(first)
        return kept, refused

    def _drop_one(self, least: Rank | None) -> bool:
        """Delete one file: one that nothing waits in, else the oldest of the lowest class, if `least` or lower."""
        every = [(lane, segment) for lane in self._lanes.values() for segment in lane.segments if segment.size]
        empty = [one for one in every if not one[1].events]
        lowest = [one for one in reversed(every) if least is not None and one[1].name.rank >= least]
        if not empty and not lowest:
            return False
        lane, segment = empty[0] if empty else next(one for one in every if one[0] is lowest[0][0])
        if segment.events:
            self._tally.dropped[segment.name.rank].add(segment.events, segment.first, segment.last)
            self.dropped_total += segment.events
        self._write_tally()  # before they are gone, they are counted
        lane.forget(segment)
        self._old = [one for one in self._old if any(self._of(one))]
        return True

    def _told(self, number: int, refused: Sequence[Part], *, is_alone: bool) -> list[Part]:
        """Return events that tell of losses, counted from `number` on; `is_alone`: nothing else can be kept now."""
        dropped = self._with(refused).dropped
        losses = [Loss(LOST, rank, one.events, one.first, one.last) for rank, one in dropped.items() if one.events]
        if is_alone and not self._waiting and sum(one.events for one in dropped.values()) < _TELL_AFTER:
            return []
        return [
            Part(Rank.ORDERS, number + place, number + place, self._tell(loss, number + place))
            for place, loss in enumerate((*self._waiting, *losses))
        ]

    def _with(self, refused: Sequence[Part]) -> Tally:
        """Return the tally as it is when these have been turned away."""
        dropped = {rank: replace(one) for rank, one in self._tally.dropped.items()}
        for part in refused:
            dropped[part.rank].add(part.events, part.first, part.last)
        return replace(self._tally, dropped=dropped)

    def _write(self, parts: Sequence[Part]) -> None:
        """Put parts on disk in the order of their numbers, or leave everything as it was and raise OSError.

        No file is written to before what has lower numbers is on disk: the system writes files back in any order, and
        after a power cut the highest number must say that all below it are there.
        """
        latest: Lane | None = None
        before: list[tuple[Lane, Segment, int]] = []
        try:
            for part in parts:
                lane = self._lanes[part.rank]
                if latest is not None and latest is not lane:
                    latest.sync()
                latest = lane
                if not lane.takes(self.epoch, self._segment_bytes):
                    lane.sync()
                    lane.begin(Name(part.rank, self.epoch, part.first))
                before.append((lane, lane.segments[-1], lane.segments[-1].size))
                lane.write(part.first, part.last, part.data)
            if latest is not None:
                latest.sync()
        except OSError:
            try:
                for lane, segment, size in reversed(before):
                    lane.back(segment, size)
            except OSError:
                with suppress(OSError):
                    self._begin_anew()  # numbers may be on disk that were not told: they are not used again
            raise

    def _settle(self, parts: Sequence[Part], refused: Sequence[Part], told: Sequence[Part]) -> None:
        """Move the count on, now that everything is on disk."""
        for part in refused:
            self.dropped_total += part.events
            self._tally.dropped[part.rank].add(part.events, part.first, part.last)
        if told:
            self._waiting.clear()
            self._tally.dropped = {rank: Dropped() for rank in Rank}
        if told or parts:
            self._tally.next = (told or parts)[-1].last + 1
        if told or refused:
            self._write_tally()

    def _lose(self, segment: Segment, lane: Lane, place: Place) -> None:
        """Leave out a record that can no longer be read, and tell it with what comes next."""
        lane.strike(segment, place)
        self._waiting.append(Loss(DAMAGED, segment.name.rank, place.last - place.first + 1, place.first, place.last))

    def _retire(self, lane: Lane, segment: Segment) -> None:
        """Delete a file that nothing waits in; the newest of a class only when a new one has taken over its count."""
        is_newest = segment is lane.segments[-1] and segment.name.epoch == self.epoch
        if is_newest and segment.size < min(self._segment_bytes, _SMALL):
            return
        try:
            if is_newest:
                lane.begin(Name(segment.name.rank, self.epoch, self.next))
            lane.forget(segment)
        except OSError as fault:
            lane.close()  # should the new file be there, nothing goes into it
            if fault.errno in _FULL:  # the tally is written in place, and takes over the count as well
                with suppress(OSError):
                    self._write_tally()
                    lane.forget(segment)
