"""A scan from paths to result: walk, open, fan out, put together, triage.

The result is the same for any order of files and any number of cores: matches wait in a
spool until all are known, and only then are they correlated, grouped and told, in order.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import carecordon
from carecordon.model.block import Bad
from carecordon.model.errors import Refused
from carecordon.model.incident import Case
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, Unseen
from carecordon.model.paths import shown_path
from carecordon.model.result import Begin, Closing, InputFile, Result, Summary
from carecordon.pipeline.detect.sigma.heads import head_of
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.pipeline.ingest.watch import Watch
from carecordon.pipeline.triage.disk.assets import unlisted
from carecordon.pipeline.triage.score import Asset, Estate
from carecordon.report.story.samples import sample_events
from carecordon.report.story.tell import tell_story
from carecordon.report.story.words import Words
from carecordon.scan import coverage
from carecordon.scan.again import Again, Copied
from carecordon.scan.assembly import Assembly
from carecordon.scan.cases import Triaged, triage
from carecordon.scan.dormancy import dormant_ids
from carecordon.scan.evidence import Evidence
from carecordon.scan.fan import Fan
from carecordon.scan.hand import Lost, Task
from carecordon.scan.open import Opened, open_source
from carecordon.scan.spool import Spool
from carecordon.scan.stop import Stop, UntilStop
from carecordon.scan.walk import STDIN, STDIN_NAME, Source, Unread, walk
from carecordon.scan.worker import Answer, KindSeen, Setup, Worker

SMALL_BYTES = 24 * 1024 * 1024
"""Input below this is read by one process: starting others would take longer than it saves."""

STOPPING = "Stopped: what was found so far is put together. Ctrl-C once more gives up"


@dataclass(slots=True)
class Progress:
    """How far a scan has come. `total_bytes` is None where the input's size is not known."""

    files: int = 0
    events: int = 0
    matches: int = 0
    read_bytes: int = 0
    total_bytes: int | None = None
    files_total: int = 0


@dataclass(slots=True)
class Findings:
    """All that was found, in order; may be read any number of times."""

    spool: Spool
    correlations: Sequence[CorrelationMatch]

    def __iter__(self) -> Iterator[Match | CorrelationMatch]:
        """Yield the matches by time, file and position, then the correlations by start."""
        yield from (match for match in self.spool if not match.rule.is_silent)
        yield from self.correlations


@dataclass(slots=True)
class Scan:
    """One scan. `cores` None lets the size of the input decide; `assets` say what devices (lower case) are for.

    Without `words` there are no cases: nobody will read a story.
    """

    setup: Setup
    command: tuple[str, ...]
    cores: int | None = None
    words: Words | None = None
    assets: Mapping[str, Asset] = field(default_factory=dict)
    on_progress: Callable[[Progress], None] = lambda _: None
    on_stage: Callable[[str], None] = lambda _: None
    """Told in words what takes long after everything has been read."""
    _spool: Spool = field(init=False)
    _watch: Watch = field(default_factory=Watch)
    _inputs: list[Assembly] = field(default_factory=list)
    _unread: list[Unread] = field(default_factory=list)
    _kinds: list[KindSeen] = field(default_factory=list)
    _progress: Progress = field(default_factory=Progress)
    is_stopped: bool = False
    """Whether it was ended by hand."""
    _sources: list[Source] = field(default_factory=list)
    _workers: int = 1
    _current: Opened | None = None
    _done_bytes: int = 0
    _named: set[str] = field(default_factory=set)
    _stdin: Copied | None = None
    """What came through standard input, to be read once more."""

    def __post_init__(self) -> None:
        """Begin with nothing found."""
        self._spool = Spool({head.id: head for head in map(head_of, self.setup.rules.rules)})

    def run(self, paths: Sequence[str]) -> Result:
        """Return the result; stopped by hand or by a full disk, that of what was read so far, marked partial."""
        started = time.monotonic()
        self._named = {STDIN_NAME if path == STDIN else shown_path(path) for path in paths if not Path(path).is_dir()}
        with Stop() as stop:
            self._read(paths, stop)
            is_partial = self._is_over(stop)
            if stop.is_asked:
                self.on_stage(STOPPING)
            triaged = self._triaged()
            closing = self._closing(triaged.spots, is_partial=is_partial)
            cases, spots = self._cases(triaged, closing.unseen, stop)
        self.is_stopped = stop.is_asked
        summary = replace(closing.summary, seconds=time.monotonic() - started, partial=is_partial or stop.is_asked)
        closing = replace(closing, unseen=(*closing.unseen, *spots), summary=summary)
        begin = Begin(carecordon.__version__, self.setup.rules.hash, self.command)
        return Result(begin, Findings(self._spool, triaged.correlations), closing, cases)

    def _read(self, paths: Sequence[str], stop: Stop) -> None:
        """Read everything once, until the stop."""
        fan: Fan | None = None
        try:
            self._sources = self._walk(paths)
            self._workers = self._cores(self._sources)
            with stop.waiting():
                fan = Fan(partial(Worker, self.setup), self._workers)
            for answer in fan.run(self._tasks(self._sources, stop)):
                self._take(answer)
            self.on_progress(self._progress)
            for kinds in fan.finish():
                self._kinds.extend(kinds)
        except KeyboardInterrupt:  # asked for twice, or before there was anything to tell
            if fan is not None:
                fan.stop()
        if self._spool.fault is not None:
            self._unread.append(Unread(self._spool.place, f"the scan ended early: {self._spool.fault}", True))
        if not self._inputs and not stop.is_asked and not any(one.is_failure for one in self._unread):
            self._unread.append(Unread(", ".join(paths), "no event file is here", True))

    def _triaged(self) -> Triaged:
        devices = {one.device for one in self._watch.sources() if one.device}
        estate = Estate(len(devices), self.assets)
        triaged = triage(self._spool, self.setup.rules, estate)
        triaged.spots = [*unlisted(devices, estate), *triaged.spots]
        return triaged

    def matches(self) -> Iterator[Match]:
        """Yield all matches, in order: also those that only feed correlations and are not told."""
        return iter(self._spool)

    def kinds_seen(self) -> list[KindSeen]:
        """Return the kinds of events that were met."""
        return coverage.merged(self._kinds)

    def _walk(self, paths: Sequence[str]) -> list[Source]:
        sources: list[Source] = []
        for found in walk(paths):
            if isinstance(found, Unread):
                self._unread.append(found)
            else:
                sources.append(found)
        sizes = [source.size for source in sources]
        self._progress.total_bytes = None if None in sizes else sum(size for size in sizes if size)
        self._progress.files_total = len(sources)
        return sources

    def _cores(self, sources: Sequence[Source]) -> int:
        if self.cores is not None:
            return self.cores
        if self._progress.total_bytes is not None and self._progress.total_bytes < SMALL_BYTES:
            packed = sum(source.size or 0 for source in sources if not source.name.endswith((".gz", ".zst", ".zip")))
            if packed == self._progress.total_bytes:
                return 1
        return os.cpu_count() or 1

    def _tasks(self, sources: Iterable[Source], stop: Stop) -> Iterator[Task]:
        """Yield the blocks of all inputs until the stop, and note what is not read."""
        for place, source in enumerate(sources):
            for opened in self._opened(source, stop):
                if isinstance(opened, Unread):
                    self._unread.append(opened)
                else:
                    self._inputs.append(Assembly(opened.name, place))
                    yield from self._blocks(opened, stop, is_stream=source.path is None)
                if self._is_over(stop):
                    return
            self._done_bytes += source.size or 0
            self._progress.files += 1

    def _blocks(self, opened: Opened, stop: Stop, *, is_stream: bool) -> Iterator[Task]:
        """Yield the last input's blocks; where it is stopped a stream ends by itself, and gives what it still holds."""
        number, assembly = len(self._inputs) - 1, self._inputs[-1]
        self._current = opened
        for place, piece in enumerate(opened.blocks()):
            if isinstance(piece, Bad):
                assembly.take(place, piece, self._spool, self._watch)
            else:
                yield Task(number, place, piece)
            if self._spool.fault is not None or (stop.is_asked and not is_stream):
                assembly.is_cut = True
                break
        assembly.is_cut |= is_stream and stop.is_asked
        assembly.facts = opened.facts(is_whole=not assembly.is_cut)
        self._current = None

    def _is_over(self, stop: Stop) -> bool:
        """Say whether no more is to be read: by hand, or since there is no room for what is found."""
        return stop.is_asked or self._spool.fault is not None

    def _take(self, answer: Answer | Lost) -> None:
        if isinstance(answer, Lost):
            source, number = answer.task.source, answer.task.number
        else:
            source, number = answer.source, answer.number
            self._progress.events += answer.events
            self._progress.matches += answer.told
        self._inputs[source].take(number, answer, self._spool, self._watch)
        read = self._done_bytes + (self._current.progress() if self._current else 0)
        self._progress.read_bytes = max(self._progress.read_bytes, read)
        self.on_progress(self._progress)

    def _cases(self, triaged: Triaged, unseen: Sequence[BlindSpot], stop: Stop) -> tuple[list[Case], list[BlindSpot]]:
        """Return each incident with its story and events, and what could not be read a second time."""
        if self.words is None or not triaged.incidents:
            if self._stdin is not None:
                self._stdin.close()
            return [], []
        again = Again(self.setup, self._sources, self._inputs, self._workers, self._stdin, stop)
        evidence = Evidence(triaged.incidents)
        count = len(triaged.incidents)
        if not stop.is_asked:
            self.on_stage(
                f"Reading once more, for what belongs to {count:,} {'incident' if count == 1 else 'incidents'}"
            )
            with suppress(KeyboardInterrupt):
                evidence = again.gather(triaged.incidents)
        if self._stdin is not None:
            self._stdin.close()
        cases = []
        for number, incident in enumerate(triaged.incidents):
            events = evidence.events(number) or sample_events(incident)
            story = tell_story(incident, events, unseen, self.words)
            cases.append(Case(incident, story, events, evidence.left_out[number]))
        return cases, again.spots()

    def _opened(self, source: Source, stop: Stop) -> Iterator[Opened | Unread]:
        """Return what a source holds; standard input is looked at only here, since it may be closed, and kept."""
        if source.path is not None:
            return open_source(source)
        if sys.stdin is None:
            return iter([Unread(source.name, "standard input is closed", True)])
        stream = UntilStop(sys.stdin.buffer, stop)
        if self.words is None:
            return open_source(source, stream)
        self._stdin = Copied(stream)
        return open_source(source, self._stdin)

    def _closing(self, spots: Iterable[BlindSpot], *, is_partial: bool) -> Closing:
        inputs = sorted(self._inputs, key=lambda one: one.name)
        unread = {one.name for one in self._unread if one.is_failure and one.name in self._named}
        unread -= {one.name for one in inputs}
        files = [*(InputFile(name, None, None, None, None) for name in unread), *(one.input_file() for one in inputs)]
        program = Program(self.setup.rules, None, self.setup.bound)
        unseen = [
            *(BlindSpot(Unseen.FILE, one.reason, one.name, count=1) for one in sorted(self._unread, key=_by_name)),
            *(spot for one in inputs for spot in one.blind_spots()),
            *coverage.unasked(program, self.setup.bound),
            *coverage.blind_spots(coverage.covers(program, self.kinds_seen()), within=self._within()),
            *self._watch.blind_spots(_records_before(self._inputs)),
            *spots,
        ]
        refused = tuple(
            Refused(one.path, one.line, one.column, one.rule_id, one.reason) for one in self.setup.rules.refused
        )
        return Closing(
            tuple(sorted(files, key=lambda one: one.file)),
            refused,
            tuple(unseen),
            tuple(self._watch.sources()),
            self._summary(inputs, len(dormant_ids(self.setup.rules, program)), is_partial=is_partial),
        )

    def _within(self) -> str:
        """Return in words where events were looked at."""
        is_bounded = self.setup.since is not None or self.setup.until is not None
        return "between --from and --to" if is_bounded else "in the input"

    def _summary(self, inputs: Sequence[Assembly], dormant: int, *, is_partial: bool) -> Summary:
        rules = self.setup.rules
        loaded = len(rules.rules) + len(rules.correlations)
        failed = sum(one.is_failure for one in self._unread)
        damaged = sum(one.is_damaged or bool(one.facts and one.facts.faults) for one in inputs)
        return Summary(
            events_read=sum(one.events for one in inputs),
            events_skipped=sum(one.unread + one.outside for one in inputs),
            files_read=len(inputs),
            files_failed=failed + damaged,
            rules_loaded=loaded,
            rules_ready=loaded - dormant,
            rules_dormant=dormant,
            rules_refused=len(rules.refused),
            seconds=0.0,
            partial=is_partial,
            events_outside=sum(one.outside for one in inputs),
        )


def _records_before(inputs: Sequence[Assembly]) -> Callable[[str, int], int]:
    """Return how many records there are in the file of a name before one of its blocks; the first of that name."""
    before = {one.name: one.before for one in reversed(inputs)}
    return lambda file, block: next(iter(before.get(file, ())[block : block + 1]), 0)


def _by_name(unread: Unread) -> str:
    return unread.name
