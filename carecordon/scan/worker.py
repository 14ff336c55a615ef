"""One block's way through the journey, in whatever process has a core to spare."""

from __future__ import annotations

import gc
import os
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from carecordon.model.batch import Rows
from carecordon.model.block import Bad
from carecordon.model.effect import Effect, recorded
from carecordon.model.errors import defect
from carecordon.model.event import Kind, LogSource
from carecordon.model.match import Match
from carecordon.model.ports import Cache
from carecordon.model.process import ProcessStart
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.accelerate import accelerator
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.memo import Allowance
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.pipeline.ingest.watch import Watch
from carecordon.scan.bad import BadRecords
from carecordon.scan.hand import Task
from carecordon.scan.rows import Row, row_of
from carecordon.scan.sketch import Sketch

GC_THRESHOLD = (50_000, 20, 50)
"""Objects between two collections: events come and go by the thousand and hold no circles."""


def has_secret_hashes() -> bool:
    """Return whether Python's hashes of texts have 64 bits and a key that it draws itself, each time it starts."""
    is_strong = sys.hash_info.width >= 64 and sys.hash_info.algorithm.startswith("siphash")
    return is_strong and os.environ.get("PYTHONHASHSEED", "random") == "random"


@dataclass(frozen=True, slots=True)
class Setup:
    """What every worker needs; `since` and `until` (UTC ns, both inclusive) leave events outside alone.

    `carries_all`: every match carries its whole event, for redaction to learn the names in it.
    """

    rules: RuleSet
    cache: Cache
    bound: LogSource | None = None
    since: int | None = None
    until: int | None = None
    use_accelerator: bool = True
    carries_all: bool = False


@dataclass(slots=True)
class Answer:
    """What one block gave; positions count from 1 in the block. `records` counts bad ones too.

    `found`: matches and process starts, of no file yet; `matches`: how many matches they are, `told`: how many of these
    are of rules that do not only feed correlations.
    """

    source: int
    number: int
    size: int
    records: int = 0
    events: int = 0
    outside: int = 0
    """Events outside the time asked for."""
    found: list[Row] = field(default_factory=list)
    matches: int = 0
    told: int = 0
    bad: BadRecords = field(default_factory=BadRecords)
    watch: Watch = field(default_factory=Watch)
    span: tuple[int, int] | None = None
    """First and last time (UTC ns) in it."""
    sketch: array[int] | None = None
    """What its events are about; None where it may be anything."""
    broken: str | None = None
    """Why reading ended before the block did."""


@dataclass(frozen=True, slots=True)
class KindSeen:
    """A kind of event that was met, how often, and which of the fields its rules ask for some event carried."""

    kind: Kind
    events: int
    asked: frozenset[str]
    carried: frozenset[str]


class Worker:
    """Answers tasks one by one; asked with None it tells which kinds of events it met."""

    def __init__(self, setup: Setup) -> None:
        """Build the engine from the cache."""
        gc.disable()  # building makes much and drops little
        self._setup = setup
        self.rules = setup.rules
        fast = accelerator(setup.cache) if setup.use_accelerator else None
        allowance = Allowance(has_secret_hashes=has_secret_hashes())
        self.engine = Engine(setup.rules, fast, setup.bound, allowance)
        self._read = journey.reading(self.engine, setup.bound)
        self._detect = journey.detecting(setup.rules, self.engine, carries_all=setup.carries_all)
        gc.freeze()  # what stays to the end need not be looked through again and again
        gc.set_threshold(*GC_THRESHOLD)
        gc.enable()

    def __call__(self, task: Task | None) -> Answer | list[KindSeen]:
        """Return the answer to a task, or the last word."""
        return self.kinds_seen() if task is None else self.answer(task)

    def answer(self, task: Task) -> Answer:
        """Return what a block gave."""
        block = task.block
        answer = Answer(task.source, task.number, len(block.data))
        self._read.watch = answer.watch
        sketch = Sketch()
        try:
            for rows in journey.read_step(self._read, feed_named(block.feed), block):
                if isinstance(rows, Bad):
                    answer.bad.add(rows)
                    answer.records += rows.count
                else:
                    sketch.see(rows)
                    self._match(rows, answer)
        except Exception as fault:  # noqa: BLE001  # what was read before it stays
            answer.broken = defect(fault)
        answer.sketch = sketch.numbers()
        return answer

    def _match(self, rows: Rows, answer: Answer) -> None:
        """Put what rows match into the answer; where matching fails, all but the rows that it fails for."""
        kept = wanted(rows, self._setup)
        answer.records += len(rows)
        answer.span = _wider(answer.span, rows.times)
        answer.outside += len(rows) - len(kept)
        try:
            found = self._found(kept)
        except Exception:  # noqa: BLE001  # one event must not take the others with it
            for row in range(len(kept)):
                self._match_alone(_picked(kept, [row]), answer)
        else:
            answer.events += len(kept)
            _keep(found, answer)

    def _match_alone(self, row: Rows, answer: Answer) -> None:
        try:
            _keep(self._found(row), answer)
            answer.events += 1
        except Exception as fault:  # noqa: BLE001  # told, with its place
            answer.bad.add(Bad(row.positions[0], f"the rules could not be held against this event: {defect(fault)}"))

    def _found(self, rows: Rows) -> list[Effect]:
        return journey.detect_step(self._detect, rows, 0)[1]

    def kinds_seen(self) -> list[KindSeen]:
        """Return the kinds of events met so far."""
        return [
            KindSeen(
                plan.kind,
                plan.events,
                frozenset(plan.keys),
                frozenset(key for key, was_carried in zip(plan.keys, plan.carried, strict=True) if was_carried),
            )
            for plan in self.engine.sources_seen
        ]


def wanted(rows: Rows, setup: Setup) -> Rows:
    """Return the rows within the time asked for; those without a time are kept."""
    if setup.since is None and setup.until is None:
        return rows
    first = setup.since if setup.since is not None else -(1 << 63)
    last = setup.until if setup.until is not None else 1 << 63
    return _picked(rows, [row for row, time in enumerate(rows.times) if time is None or first <= time <= last])


def _wider(span: tuple[int, int] | None, times: Sequence[int | None]) -> tuple[int, int] | None:
    """Return the span with these times in it."""
    known = [time for time in times if time is not None]
    if not known:
        return span
    return (min(known), max(known)) if span is None else (min(span[0], *known), max(span[1], *known))


def _keep(found: Sequence[Effect], answer: Answer) -> None:
    for item in recorded(found):
        if isinstance(item, Match):
            answer.matches += 1
            answer.told += not item.rule.is_silent
            answer.found.append(row_of(item))
        elif isinstance(item, ProcessStart):
            answer.found.append(row_of(item))


def _picked(rows: Rows, kept: list[int]) -> Rows:
    return Rows(
        kinds=[rows.kinds[row] for row in kept],
        fields=[rows.fields[row] for row in kept],
        times=[rows.times[row] for row in kept],
        devices=[rows.devices[row] for row in kept],
        record_ids=[rows.record_ids[row] for row in kept],
        positions=[rows.positions[row] for row in kept],
        keywords=rows.keywords,
    )
