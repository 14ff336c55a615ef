"""One class of a spool: its files in the order of their numbers, the newest of which is written to."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from operator import attrgetter
from pathlib import Path

from carecordon.agent.segment import HEAD_BYTES, Hole, Name, Place, batch_at, pack, records, sync_folder, write_whole


@dataclass(slots=True)
class Segment:
    """A file: what it is called, how large it is, and what of it waits for its receipt.

    `first` and `last` are the numbers of the records that wait (-1: none), `events` is how many numbers those have.
    """

    name: Name
    path: Path
    size: int = 0
    first: int = -1
    last: int = -1
    events: int = 0
    places: list[Place] | None = None
    """Where the records that wait stand; None: not looked up at present."""
    acked: int = -1
    """Up to here nothing waits."""

    def add(self, place: Place) -> None:
        """Count a record that was written behind the others."""
        self.first = place.first if self.first < 0 else self.first
        self.last = place.last
        self.events += place.last - place.first + 1
        if self.places is not None:
            self.places.append(place)

    def trim(self, mark: int) -> int:
        """Let go of what has numbers up to `mark`; return how many events that were. Raises OSError as `looked_up`."""
        before = self.events
        self.acked = max(self.acked, mark)
        if self.last <= mark:
            self.events, self.first, self.last, self.places = 0, -1, -1, []
        elif self.first <= mark:
            places = self.looked_up()
            gone = places[: bisect_right(places, mark, key=attrgetter("last"))]
            del places[: len(gone)]
            self.events -= sum(one.last - one.first + 1 for one in gone)
            self.first = places[0].first
        return before - self.events

    def looked_up(self) -> list[Place]:
        """Return where its records stand. Raises OSError where the file cannot be read."""
        if self.places is None:
            found = records(self.name, self.path.read_bytes())
            self.places = [one for one in found if isinstance(one, Place) and one.last > self.acked]
        return self.places


@dataclass(slots=True)
class Lane:
    """The files of one class, oldest first; those of one epoch stand together."""

    folder: Path
    segments: list[Segment] = field(default_factory=list)
    _file: FileIO | None = None
    _seen: Segment | None = None
    """The one that was read from last: only of it, and of the newest, places are held."""

    @property
    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(segment.size for segment in self.segments)

    def mend(self, name: Name) -> list[Hole]:
        """Take in a file that is there, and take out of it what is no record; return what was taken out."""
        path = self.folder / str(name)
        content = path.read_bytes()
        found = list(records(name, content))
        places = [one for one in found if isinstance(one, Place)]
        holes = [one for one in found if isinstance(one, Hole)]
        if holes:
            whole = b"".join(content[one.start - HEAD_BYTES : one.start + one.size] for one in places)
            write_whole(path, whole)
        segment = Segment(name, path, len(content) - sum(hole.size for hole in holes))
        for place in places:
            segment.add(place)
        self.segments.append(segment)
        return holes

    def begin(self, name: Name) -> None:
        """Begin a new file."""
        self.close()
        path = self.folder / str(name)
        self._file = path.open("wb", buffering=0)  # what may be there was never told to be kept
        sync_folder(self.folder)
        self.segments.append(Segment(name, path, places=[]))

    def takes(self, epoch: int, segment_bytes: int) -> bool:
        """Return whether the newest file is of this epoch and not full."""
        newest = self.segments[-1] if self.segments else None
        return newest is not None and newest.name.epoch == epoch and newest.size < segment_bytes

    def write(self, first: int, last: int, data: bytes) -> None:
        """Write a record into the newest file; on disk only after `sync`. Raises OSError: see `back`."""
        newest = self.segments[-1]
        if self._file is None:
            self._file = newest.path.open("ab", buffering=0)
        record = pack(newest.name, first, last, data)
        left = memoryview(record)
        while left:
            left = left[self._file.write(left) :]
        newest.add(Place(first, last, newest.size + HEAD_BYTES, len(data)))
        newest.size += len(record)

    def sync(self) -> None:
        """Put what was written on disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def back(self, segment: Segment, size: int) -> None:
        """Forget what was written into a file behind `size`. Raises OSError where that is impossible."""
        self.close()
        os.truncate(segment.path, size)
        known = [one for one in segment.looked_up() if one.start + one.size <= size]
        segment.size, segment.first, segment.last, segment.events, segment.places = size, -1, -1, 0, []
        for place in known:
            segment.add(place)

    def close(self) -> None:
        """Close the newest file; it may be opened again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def forget(self, segment: Segment) -> None:
        """Delete a file."""
        if segment is self.segments[-1]:
            self.close()
        if segment is self._seen:
            self._seen = None
        self.segments.remove(segment)
        with suppress(FileNotFoundError):
            segment.path.unlink()

    def next_after(self, epoch: int, after: int) -> tuple[Segment, Place] | None:
        """Return the first record of an epoch behind a number. Raises OSError where its file cannot be read."""
        segment = next((one for one in self.segments if one.name.epoch == epoch and one.last > after), None)
        if segment is None:
            return None
        if self._seen is not None and self._seen is not segment and self._seen is not self.segments[-1]:
            self._seen.places = None
        self._seen = segment
        places = segment.looked_up()
        at = bisect_right(places, after, key=attrgetter("last"))
        return (segment, places[at]) if at < len(places) else None

    def batch(self, segment: Segment, place: Place) -> bytes | None:
        """Return the batch of a record; None where it can no longer be read."""
        try:
            with segment.path.open("rb") as file:
                return batch_at(segment.name, file, place)
        except OSError:
            return None

    def strike(self, segment: Segment, place: Place) -> None:
        """Leave out a record that can no longer be read."""
        places = segment.looked_up()
        del places[bisect_left(places, place.first, key=attrgetter("first"))]
        segment.events -= place.last - place.first + 1
        segment.last = places[-1].last if places else -1
        segment.first = places[0].first if places else -1
