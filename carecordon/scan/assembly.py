"""The blocks of one input put together again: positions counted from its beginning, whatever order answers come in."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from carecordon.model.block import Bad
from carecordon.model.match import BlindSpot, Unseen
from carecordon.model.result import InputFile
from carecordon.pipeline.ingest.watch import Watch
from carecordon.scan.bad import BadRecords
from carecordon.scan.hand import Lost
from carecordon.scan.open import Facts
from carecordon.scan.rows import placed
from carecordon.scan.spool import Spool
from carecordon.scan.worker import Answer

_NOTHING: array[int] = array("I")
UNCERTAIN = "Later positions in this file are too low by as many"


@dataclass(slots=True)
class Assembly:
    """One input. `records` counts all: also those `unread`, since they could not be, and `outside` the time asked for.

    `facts` come when all its blocks are handed out.

    `source`: the number of what it was found in; `is_cut`: the scan was stopped before the input's end.
    """

    name: str
    source: int = 0
    facts: Facts | None = None
    records: int = 0
    events: int = 0
    unread: int = 0
    outside: int = 0
    matches: int = 0
    is_damaged: bool = False
    is_cut: bool = False
    before: list[int] = field(default_factory=list)
    """Records before each block."""
    spans: list[tuple[int, int] | None] = field(default_factory=list)
    """First and last time (UTC ns) in each block; None where nothing in it bears a time."""
    sketches: list[array[int] | None] = field(default_factory=list)
    """What the events of each block are about; None where it may be anything."""
    _next: int = 0
    _waiting: dict[int, Answer | Bad | Lost] = field(default_factory=dict)
    _bad: BadRecords = field(default_factory=BadRecords)
    _lost: BlindSpot | None = None
    """The first part of the input of which it is not known how many records it held."""

    def take(self, number: int, piece: Answer | Bad | Lost, spool: Spool, watch: Watch) -> None:
        """Take in what block `number` gave, and whatever waited for it."""
        self._waiting[number] = piece
        while self._next in self._waiting:
            self.before.append(self.records)
            first = self._waiting.pop(self._next)
            self.spans.append(first.span if isinstance(first, Answer) else None)
            self.sketches.append(first.sketch if isinstance(first, Answer) else _NOTHING)
            self._place(first, spool, watch)
            self._next += 1

    def _place(self, piece: Answer | Bad | Lost, spool: Spool, watch: Watch) -> None:
        if isinstance(piece, Lost):
            self._lose(piece.reason)
            watch.merge(Watch(), self.name, self._next)
        elif isinstance(piece, Bad):
            self._tell(replace(piece, position=self.records + 1))
            self.records += piece.count
            watch.merge(Watch(), self.name, self._next)
        else:
            spool.add(placed(piece.found, self.name, self.records))
            for bad in piece.bad:
                self._tell(replace(bad, position=self.records + bad.position))
            watch.merge(piece.watch, self.name, self._next)
            self.records += piece.records
            if piece.broken is not None:
                self._lose(piece.broken)
            self.events += piece.events
            self.outside += piece.outside
            self.matches += piece.matches

    def _tell(self, bad: Bad) -> None:
        self.unread += bad.count
        self.is_damaged = self.is_damaged or bad.count > 0
        self._bad.add(bad)

    def _lose(self, reason: str) -> None:
        """Note that events are missing from here on, it is not known how many."""
        self.is_damaged = True
        if self._lost is None:
            told = f"events from here on are missing, and it is not known how many: {reason}. {UNCERTAIN}"
            self._lost = BlindSpot(Unseen.RECORD, told, self.name, self.records + 1)
        else:
            self._bad.add(Bad(self.records + 1, f"more events are missing: {reason}", 0))

    def blind_spots(self) -> Iterator[BlindSpot]:
        """Yield the bad records, and why the file could not be read to its end."""
        if self._lost is not None:
            yield self._lost
        for bad in self._bad.told:
            yield BlindSpot(Unseen.RECORD, bad.reason, self.name, bad.position, count=bad.count)
        if rest := self._bad.rest:
            reason = f"more could not be read from here on; here: {rest.reason}"
            yield BlindSpot(Unseen.RECORD, reason, self.name, rest.position, count=rest.count)
        if self.is_cut and self.facts:
            size = f"{self.facts.size:,}"
            reason = f"not read to its end, since the scan was: hash and size are those of the first {size} bytes"
            yield BlindSpot(Unseen.FILE, reason, self.name, count=1)
        for fault in self.facts.faults if self.facts else ():
            yield BlindSpot(Unseen.FILE, fault, self.name, count=1)

    def input_file(self) -> InputFile:
        """Return what the input was."""
        facts = self.facts
        records = None if self._lost else self.records
        if facts is None:
            return InputFile(self.name, None, None, records, None)
        return InputFile(self.name, facts.sha256, facts.size, records, facts.feed)
