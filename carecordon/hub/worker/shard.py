"""One partition of stream 1 on its way: pulled, merged, matched, handed on and stored, each step single by its key.

Theory. Both steps that leave the worker are keyed by a range of positions: what was found goes
to stream 2 as numbers `after+1` to `upto` of this partition, the events go to the store under
a token made of the range. So a range must never change once one of them may have happened:
it is written to the register first, and after a crash exactly it is taken again.

Finding and storing have a position each. Finding must be quick, while an insert costs the store much
the same for ten events as for a thousand: so what was matched is held for a moment and stored together.
Where the store does not answer, finding goes on and storing catches up later, out of the log again.

What kills the process is met by trying a range three times, then entry by entry, each written
down before it is tried: the one that kills twice is set aside, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import msgspec

from carecordon.hub.news import found as stream2
from carecordon.hub.news.found import Found, Trouble, Word
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.checkpoint import (
    DETECT,
    STORE,
    Range,
    caught_up,
    done,
    name_of,
    once_more,
    read_checkpoint,
)
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.merge import joined, picked
from carecordon.hub.worker.opened import Opener, letter_of
from carecordon.model.errors import TheirFault, defect
from carecordon.model.kept import Letter
from carecordon.model.merged import Merged
from carecordon.model.stream import Entry, Part, Stream
from carecordon.model.telemetry import Telemetry
from carecordon.register.register import Register
from carecordon.telemetry.store import block_of
from carecordon.wire.frame import unpacked_size

__all__ = ("DETECT", "STORE", "Doors", "Shard")
PULL_BYTES = 8 * 1024 * 1024
PULL_UNPACKED = 64 * 1024 * 1024
PULL_ROWS = 6_000
"""So many events at once: a second or two of work, for the process says between two turns that it is well."""
TRIES = 3
DEATHS = 2
"""Processes that must die of an entry alone before it is held to be the cause."""
HOLD_ROWS = 10_000
"""So many events are stored at once, however short they were held."""
WIDE = 2_048
"""Names of fields in what is held, beyond which it is stored alone: joined, each has a cell in every row."""
AGAIN_NS = 1_000_000_000
"""So long a store that did not answer is left alone."""
POISON_TOLD = 100
"""Events of one range that no rule could be held against, and that are told one by one."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What a shard works with. `events` and `found` are streams 1 and 2; `clock` gives UTC ns."""

    events: Stream
    found: Stream
    register: Register
    telemetry: Telemetry
    roster: Roster
    threads: Executor
    clock: Callable[[], int]


class Shard:
    """One partition's worker."""

    def __init__(self, doors: Doors, partition: int, hold_ns: int = 0) -> None:
        """Go on where the register says, or the streams if it has forgotten; a log made anew from its beginning.

        What was matched is held for `hold_ns` before it is stored, so that more is stored at once.
        """
        self._doors = doors
        self.partition = partition
        self._name = name_of(partition)
        self._opener = Opener(doors.roster)
        self._hold_ns = hold_ns
        self._held: list[tuple[int, Merged]] = []
        """What was matched and is not stored, with the position that each reaches to."""
        self._held_since = self._refused_at = 0
        self._is_storing: Future[list[Letter]] | None = None
        self.store_trouble: str | None = None
        self.heard: Callable[[Merged], None] = lambda _: None
        """Told of every merged batch."""
        self.figures: dict[str, float] = dict.fromkeys(
            ("events_total", "matches_total", "merges_total", "letters_total"), 0
        )
        at = read_checkpoint(doors.register.checkpoints, partition, doors.events.epoch)
        self._at = caught_up(at, done(doors.events, doors.found, partition))
        if self._at.detect is not None and doors.events.acked(DETECT, partition) >= self._at.detect.upto:
            self._set(detected=self._at.detect.upto, detect=None)
        if self._at.store is not None and doors.events.acked(STORE, partition) >= self._at.store.upto:
            self._set(stored=self._at.store.upto, store=None)
        self._set(detect=once_more(self._at.detect), store=once_more(self._at.store))
        self._held_upto = self._at.stored
        """Everything that is not stored, up to here, is in `_held`."""

    def turn(self, detector: Detector) -> bool:
        """Take the next range; return whether there was one. Raises OSError where a log or the register fails."""
        if self._held and self._at.detect is None and self._at.store is None and self._is_wide():
            self._store_held()
        found = self._pulled(self._at.detected, self._at.detect, None)
        if found is None:
            return self._store_rest()
        begun, entries = found
        together = self._held_upto == self._at.detected and (
            self._at.store is None or self._at.store.upto == begun.upto
        )
        store = self._store_range(begun, entries) if together else self._at.store
        self._set(detect=begun, store=store)
        self._write()
        if begun.tries > TRIES:
            begun = self._one_by_one(begun, entries, is_store=False, detector=detector)
            store = begun if together else self._at.store
            self._set(detect=begun, store=store)
            self._write()
        opened = self._opener.open(self._without_poison(entries))
        self._set_aside(opened.letters)
        if together:
            self._hold(begun.upto, opened.merged)
            if store is not None:
                self._begin_storing(store, self._all_held())
        self._hand_on(begun, [*opened.troubles, *self._found(detector, opened.merged)])
        self._set(detected=begun.upto, detect=None)
        self._doors.events.ack(DETECT, self.partition, begun.upto)
        if not together:
            self.store_behind()
        elif store is None:
            self._held_upto = begun.upto
        else:
            self._end_storing(store)
        return True

    def finish(self) -> None:
        """Store what is held: no more turns will come."""
        if self._held:
            self._store_held()

    def store_behind(self) -> bool:
        """Store the next range of what was matched while the store did not answer; return whether there was one."""
        if self._at.stored >= self._at.detected or self._is_soon(self._refused_at, AGAIN_NS):
            return False
        found = self._pulled(self._at.stored, self._at.store, self._at.detected)
        if found is None:  # nothing lies there any more
            self._set(stored=self._at.detected, store=None)
            self._held_upto = self._at.stored
            return False
        begun, entries = found
        self._set(store=begun)
        self._write()
        if begun.tries > TRIES:
            begun = self._one_by_one(begun, entries, is_store=True)
            self._set(store=begun)
            self._write()
        opened = self._opener.open(self._without_poison(entries))
        self._set_aside(opened.letters)
        self._begin_storing(begun, opened.merged)
        self._end_storing(begun)
        return self.store_trouble is None

    def _store_rest(self) -> bool:
        """Store what is held long enough, or lies behind, when nothing new has come; return whether there was any."""
        if not self._held:
            return self.store_behind()
        if self._is_soon(self._held_since, self._hold_ns):
            return False
        self._store_held()
        return True

    def _store_held(self) -> None:
        begun = Range(self._at.stored, self._at.detected)
        self._set(store=begun)
        self._write()
        self._begin_storing(begun, self._all_held())
        self._end_storing(begun)

    def _store_range(self, begun: Range, entries: Sequence[Entry]) -> Range | None:
        """Return what is to be stored with this range; None where it is held first, with what was held before."""
        self._held = [one for one in self._held if one[0] <= self._at.detected]  # a turn that failed is taken again
        if self._at.store is not None or begun.tries > 1:
            return self._at.store if self._held else begun
        rows = sum(len(merged) for _, merged in self._held) + _rows(entries)
        is_early = self._hold_ns > 0 and (not self._held or self._is_soon(self._held_since, self._hold_ns))
        return None if is_early and rows < HOLD_ROWS else Range(self._at.stored, begun.upto)

    def _hold(self, upto: int, merged: Merged) -> None:
        if not self._held:
            self._held_since = self._doors.clock()
        self._held.append((upto, merged))

    def _is_wide(self) -> bool:
        names: set[str] = set()
        for _, merged in self._held:
            names.update(merged.table.columns.names)
        return len(names) > WIDE

    def _all_held(self) -> Merged:
        return joined([merged for _, merged in self._held])

    def _is_soon(self, moment: int, after_ns: int) -> bool:
        """Return whether less than so long has gone by since a moment; a clock that was set back waits for nobody."""
        return 0 <= self._doors.clock() - moment < after_ns

    def _pulled(self, after: int, again: Range | None, limit: int | None) -> tuple[Range, list[Entry]] | None:
        """Return the next range and what lies in it: the one that was begun, as it was, or a new one."""
        upto = limit if again is None else again.upto
        entries = self._doors.events.pull(self.partition, after, PULL_BYTES, upto)
        while again is not None and entries and entries[-1].position < again.upto:
            entries += self._doors.events.pull(self.partition, entries[-1].position, PULL_BYTES, again.upto)
        if not entries:
            return None if again is None else (again, [])
        if again is None:
            entries = _bounded(entries)
            again = Range(after, entries[-1].position)
        return again, entries

    def _found(self, detector: Detector, merged: Merged) -> list[Word]:
        """Return what the rules find; events that they cannot be held against are set aside."""
        if not len(merged):
            return []
        now = self._doors.clock()
        self.heard(merged)
        detected = detector.find(merged, now)
        self.figures["events_total"] += len(merged)
        self.figures["matches_total"] += len(detected.matches)
        self.figures["merges_total"] += 1
        words: list[Word] = []
        for row, why in detected.poisoned:
            place = f"{merged.file(row)} number {int(merged.sequence[row])}"
            self._set_aside([Letter(f"event/{place}", f"event {place}: it lies in the store", why, b"", now)])
            if len(words) < POISON_TOLD:
                text = f"an event could not be held against the rules: {why}"
                words.append(Trouble(f"poison/{place}", "poison", merged.senders[int(merged.sender[row])], text, now))
        if detected.matches or detected.starts:
            words.append(Found(detected.matches, detected.starts, int(merged.received.max())))
        return words

    def _set_aside(self, letters: Sequence[Letter]) -> None:
        if letters:
            self._doors.register.letters.add(letters)
            self.figures["letters_total"] += len(letters)

    def _hand_on(self, begun: Range, words: Sequence[Word]) -> None:
        """Publish what was found under the range's own numbers; a range with nothing in it leaves no trace."""
        if words:
            part = Part(self._name, self._at.epoch, begun.after + 1, begun.upto, stream2.fitted(words))
            self._doors.found.publish([part], self._doors.clock())

    def _one_by_one(
        self, begun: Range, entries: Sequence[Entry], *, is_store: bool, detector: Detector | None = None
    ) -> Range:
        """Try each entry by itself, written down before, for the one that kills; return the range, begun anew."""
        start = begun.alone or 0
        if begun.alone is not None and begun.deaths >= DEATHS:
            guilty = entries[begun.alone]
            self._set_aside([letter_of(guilty, "the worker died of it")])
            self._set(poison=(*self._at.poison, (guilty.position, _name_of(guilty))))
            start += 1
        for number in range(start, len(entries)):
            deaths = begun.deaths if number == begun.alone else 0
            begun = msgspec.structs.replace(begun, alone=number, deaths=deaths)
            self._set(**({"store": begun} if is_store else {"detect": begun}))
            self._write()
            merged = self._opener.open(self._without_poison([entries[number]])).merged
            if detector is not None:
                detector.find(merged, self._doors.clock())
            block_of(merged)
        return msgspec.structs.replace(begun, alone=None, deaths=0, tries=1)

    def _without_poison(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries that the process did not die of."""
        poison = {name for _, name in self._at.poison}
        return [entry for entry in entries if not poison or _name_of(entry) not in poison]

    def _begin_storing(self, begun: Range, merged: Merged) -> None:
        token = f"{self.partition}:{begun.after}-{begun.upto}:{self._at.epoch:x}"
        if len(merged):
            self._is_storing = self._doors.threads.submit(self._store, merged, token)

    def _store(self, merged: Merged, token: str) -> list[Letter]:
        """Insert a batch; where the store will never take it, its halves, and in the end set one event aside."""
        try:
            self._doors.telemetry.insert(merged, token)
        except OSError:
            raise
        except Exception as fault:  # noqa: BLE001  # what nobody thought of must not stop the storing of all that follows
            if len(merged) == 1:
                place = f"{merged.file(0)} number {int(merged.sequence[0])}"
                where = f"event {place}: the store does not take it"
                why = str(fault) if isinstance(fault, TheirFault) else defect(fault)
                return [Letter(f"stored/{place}", where, why, b"", self._doors.clock())]
            half = len(merged) // 2
            halves = picked(merged, range(half)), picked(merged, range(half, len(merged)))
            return [letter for number, part in enumerate(halves) for letter in self._store(part, f"{token}/{number}")]
        return []

    def _end_storing(self, begun: Range) -> None:
        """Wait for the store; where it does not answer, storing stays behind and is tried again."""
        going, self._is_storing = self._is_storing, None
        try:
            if going is not None:
                self._set_aside(going.result())
        except ConnectionError as fault:
            self.store_trouble = str(fault)
            self._refused_at = self._doors.clock()
            return
        finally:
            self._held.clear()
        self.store_trouble = None
        self._set(stored=begun.upto, store=None, poison=tuple(one for one in self._at.poison if one[0] > begun.upto))
        self._held_upto = begun.upto
        self._doors.events.ack(STORE, self.partition, begun.upto)

    def _set(self, **changes: object) -> None:
        self._at = msgspec.structs.replace(self._at, **changes)

    def _write(self) -> None:
        self._doors.register.checkpoints.set(self._name, msgspec.msgpack.encode(self._at))


def _bounded(entries: Sequence[Entry]) -> list[Entry]:
    """Return whole groups from the beginning, at least one, as long as they stay small enough."""
    kept: list[Entry] = []
    rows = size = 0
    for entry in entries:
        own = entry.part.last - entry.part.first + 1
        rows += own
        size += unpacked_size(entry.part.data)
        if (rows > PULL_ROWS or size > PULL_UNPACKED) and kept and entry.position != kept[-1].position:
            break
        kept.append(entry)
    return kept


def _rows(entries: Sequence[Entry]) -> int:
    return sum(entry.part.last - entry.part.first + 1 for entry in entries)


def _name_of(entry: Entry) -> str:
    return f"{entry.part.sender}/{entry.part.epoch}/{entry.part.first}"
