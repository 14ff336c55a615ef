"""The blocks of one input put together again: positions counted from its beginning, whatever order answers come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from carecordon.model.block import Bad
from carecordon.model.match import BlindSpot, Match, Unseen
from carecordon.model.result import InputFile
from carecordon.pipeline.ingest.watch import Watch
from carecordon.scan.hand import Lost
from carecordon.scan.open import Facts
from carecordon.scan.spool import Spool
from carecordon.scan.worker import Answer

TOLD = 100
"""Bad records of one input and one reason that are told one by one; the rest are counted."""


@dataclass(slots=True)
class Assembly:
    """One input. `records` counts bad ones too; `facts` come when all its blocks are handed out."""

    name: str
    facts: Facts | None = None
    records: int = 0
    events: int = 0
    skipped: int = 0
    matches: int = 0
    is_damaged: bool = False
    before: list[int] = field(default_factory=list)
    """Records before each block."""
    _next: int = 0
    _waiting: dict[int, Answer | Bad | Lost] = field(default_factory=dict)
    _bad: list[BlindSpot] = field(default_factory=list)
    _rest: Counter[str] = field(default_factory=Counter)
    _told: Counter[str] = field(default_factory=Counter)

    def take(self, number: int, piece: Answer | Bad | Lost, spool: Spool, watch: Watch) -> None:
        """Take in what block `number` gave, and whatever waited for it."""
        self._waiting[number] = piece
        while self._next in self._waiting:
            self.before.append(self.records)
            self._place(self._waiting.pop(self._next), spool, watch)
            self._next += 1

    def _place(self, piece: Answer | Bad | Lost, spool: Spool, watch: Watch) -> None:
        if isinstance(piece, Lost):
            reason = f"the events of this part of the file are missing: {piece.reason}; please report it"
            self._tell(Bad(self.records + 1, reason, 0))
            self.is_damaged = True
            watch.merge(Watch(), self.name, self._next)
        elif isinstance(piece, Bad):
            self._tell(replace(piece, position=self.records + 1))
            self.records += piece.count
            watch.merge(Watch(), self.name, self._next)
        else:
            spool.add(self._shifted(match) for match in piece.matches)
            for bad in piece.bad:
                self._tell(replace(bad, position=self.records + bad.position))
            watch.merge(piece.watch, self.name, self._next)
            self.records += piece.records
            self.events += piece.events
            self.skipped += piece.skipped
            self.matches += len(piece.matches)

    def _shifted(self, match: Match) -> Match:
        return replace(match, file=self.name, position=self.records + match.position)

    def _tell(self, bad: Bad) -> None:
        self.skipped += bad.count
        self.is_damaged = self.is_damaged or bad.count > 0
        if self._told[bad.reason] < TOLD:
            self._told[bad.reason] += 1
            self._bad.append(BlindSpot(Unseen.RECORD, bad.reason, self.name, bad.position, count=bad.count))
        else:
            self._rest[bad.reason] += bad.count

    def blind_spots(self) -> Iterator[BlindSpot]:
        """Yield the bad records, and why the file could not be read to its end."""
        yield from self._bad
        for reason, count in self._rest.items():
            yield BlindSpot(Unseen.RECORD, f"{reason} (more of the same)", self.name, count=count)
        for fault in self.facts.faults if self.facts else ():
            yield BlindSpot(Unseen.FILE, fault, self.name, count=1)

    def input_file(self) -> InputFile:
        """Return what the input was."""
        facts = self.facts
        if facts is None:
            return InputFile(self.name, None, None, self.records, None)
        return InputFile(self.name, facts.sha256, facts.size, self.records, facts.feed)
