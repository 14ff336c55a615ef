"""The second reading: the same inputs once more, for the events of incidents; what is not as it was before is told."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

from carecordon.model.block import Bad
from carecordon.model.feed import Stream
from carecordon.model.incident import Incident
from carecordon.model.match import BlindSpot, Unseen
from carecordon.scan.asking import question
from carecordon.scan.assembly import Assembly
from carecordon.scan.evidence import Collected, Collector, Evidence
from carecordon.scan.fan import Fan
from carecordon.scan.hand import Lost, Task
from carecordon.scan.open import Opened, open_source
from carecordon.scan.question import FOLLOWED, Question
from carecordon.scan.stop import Stop
from carecordon.scan.walk import Source
from carecordon.scan.worker import Setup

CHANGED = "it was another file when it was read again, for the events of incidents: their stories do without it"
GONE = "it could not be read again, for the events of incidents: their stories tell only what matched in it"
STOPPED = "stopped while the events of incidents were read again: their stories tell only the first matches"
UNFOLLOWED = "incidents: more logons of those who took part than are followed: what was done in the others is not told"


class Copied:
    """A stream that is kept while it is read, so that it can be read once more; `fault` says why it is not whole."""

    def __init__(self, stream: Stream) -> None:
        """Read from `stream`; what comes goes to a temporary file too, until that takes no more."""
        self._stream = stream
        self.fault: str | None = None
        self._file: IO[bytes] | None = None
        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # lives as long as the scan
        except OSError as fault:
            self.fault = str(fault.strerror or fault)

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end."""
        piece = self._stream.read(size)
        left = memoryview(piece)
        try:
            while left and self._file is not None and self.fault is None:
                left = left[self._file.write(left) :]
        except OSError as fault:
            self.fault = str(fault.strerror or fault)
        return piece

    def close(self) -> None:
        """Let the copy go."""
        if self._file is not None:
            self._file.close()

    def again(self) -> Any:
        """Return the copy from its beginning; None where it is not whole."""
        if self.fault is not None or self._file is None:
            return None
        self._file.seek(0)
        return self._file


@dataclass(slots=True)
class Again:
    """One second reading. `troubles`: input to what was wrong with it, in words."""

    setup: Setup
    sources: Sequence[Source]
    inputs: Sequence[Assembly]
    cores: int
    stdin: Copied | None
    stop: Stop
    troubles: dict[str, str] = field(default_factory=dict)
    unfollowed: int = 0
    """Logons of callers beyond those that are followed."""

    def gather(self, incidents: Sequence[Incident]) -> Evidence:
        """Return the events of incidents. Raises KeyboardInterrupt where it is asked for twice."""
        numbers: dict[str, list[int]] = {}
        for number, assembly in enumerate(self.inputs):
            numbers.setdefault(assembly.name, []).append(number)
        copies = copies_of(self.inputs)
        asked = question(incidents, {name: [copies.get(one, one) for one in known] for name, known in numbers.items()})
        asked.before = {number: assembly.before for number, assembly in enumerate(self.inputs)}
        apart = [number for number in range(len(self.inputs)) if number not in copies]
        answers = self._answers(asked.calls(), apart, 1)  # few blocks: other processes would not pay
        asked.follow((event, told) for _, collected in answers for event, told, _ in collected.events)
        asked.settle()
        self.unfollowed = sum(max(0, number - FOLLOWED) for number in asked.followed.values())
        evidence = Evidence(incidents)
        spared: list[tuple[str, str, str]] = []
        while apart:
            for name, collected in self._answers(asked, apart, self.cores):
                evidence.take(collected, name)
            evidence.drop([name for name, reason in self.troubles.items() if reason == CHANGED])
            apart = self._instead(asked, apart, copies, spared)
        for name, reason, other in reversed(spared):
            if other in self.troubles:
                self.troubles[name] = reason
        return evidence

    def _instead(
        self, asked: Question, read: Iterable[int], copies: dict[int, int], spared: list[tuple[str, str, str]]
    ) -> list[int]:
        """Return copies to read instead of what was read in vain; its trouble is spared where one of them serves."""
        instead: list[int] = []
        for number in read:
            name = self.inputs[number].name
            others = [copy for copy, first in copies.items() if first == number]
            if others and name in self.troubles:
                other, *rest = others
                del copies[other]
                copies.update(dict.fromkeys(rest, other))
                asked.places[other] = asked.places.pop(number, {})
                spared.append((name, self.troubles.pop(name), self.inputs[other].name))
                instead.append(other)
        asked.settle()
        return instead

    def _answers(self, asked: Question, apart: Iterable[int], cores: int) -> Iterator[tuple[str, Collected]]:
        """Yield what each block that may hold something gives, with the name of its input, one of these."""
        wanted = {number for number in apart if self._may_hold(asked, number)}
        if not wanted:
            return
        fan = Fan(partial(Collector, self.setup, asked), cores)
        try:
            for answer in fan.run(self._tasks(asked, wanted)):
                if isinstance(answer, Lost):
                    name = self.inputs[answer.task.source].name
                    self.troubles[name] = f"a part of it could not be read again: {answer.reason}"
                else:
                    yield self.inputs[answer.source].name, answer
            for _ in fan.finish():
                pass
        except KeyboardInterrupt:
            fan.stop()
            raise

    def _may_hold(self, asked: Question, number: int) -> bool:
        """Return whether an input may hold something that is asked for."""
        before = self.inputs[number]
        return any(asked.may_hold(number, place, before) for place in range(len(before.before)))

    def spots(self) -> list[BlindSpot]:
        """Return what was wrong with inputs the second time."""
        spots = [BlindSpot(Unseen.FILE, reason, name, count=1) for name, reason in sorted(self.troubles.items())]
        if self.unfollowed:
            spots.append(BlindSpot(Unseen.RECORD, UNFOLLOWED, count=self.unfollowed))
        return [*spots, *([BlindSpot(Unseen.RECORD, STOPPED)] if self.stop.is_asked else [])]

    def _tasks(self, asked: Question, wanted: set[int]) -> Iterator[Task]:
        """Yield the blocks that may hold something, of these inputs, as far as they were read before."""
        left: dict[tuple[int, str], list[int]] = {}
        for number, assembly in enumerate(self.inputs):
            left.setdefault((assembly.source, assembly.name), []).append(number)
        gone = wanted & asked.places.keys()
        for source, one in self._opened({self.inputs[number].source for number in wanted}):
            if not (known := left.get((source, one.name))):
                continue
            number = known.pop(0)
            if number not in wanted:
                continue
            gone.discard(number)
            before = self.inputs[number]
            for place, piece in enumerate(one.blocks()):
                if self.stop.is_asked:
                    return
                if isinstance(piece, Bad) or place >= len(before.before):
                    continue
                if asked.may_hold(number, place, before):
                    yield Task(number, place, piece)
            facts = one.facts()
            if before.facts is not None and not before.is_cut and facts.sha256 != before.facts.sha256:
                self.troubles[one.name] = CHANGED
        for number in gone:
            self.troubles.setdefault(self.inputs[number].name, GONE)

    def _opened(self, wanted: set[int]) -> Iterator[tuple[int, Opened]]:
        """Yield what these sources hold, each with the number of its source."""
        for number in sorted(wanted):
            source, stream = self.sources[number], None
            if source.path is None:
                stream = None if self.stdin is None else self.stdin.again()
                if stream is None:
                    continue
            for one in open_source(source, stream):
                if isinstance(one, Opened):
                    yield number, one


def copies_of(inputs: Sequence[Assembly]) -> dict[int, int]:
    """Return for each input that is another's copy, byte for byte, the number of that other, the first by name.

    An incident tells an event once in however many files it stands, as the first of them has it.
    """
    copies: dict[int, int] = {}
    firsts: dict[object, int] = {}
    for number in sorted(range(len(inputs)), key=lambda one: (inputs[one].name, one)):
        one = inputs[number]
        if one.facts is None or one.facts.faults or one.is_cut:
            continue
        # The same bytes may have been read to another end: a worker may have died over one of them.
        alike = (one.facts.sha256, one.facts.size, one.facts.feed, one.records, tuple(one.before))
        first = firsts.setdefault(alike, number)
        if first != number:
            copies[number] = first
    return copies
