"""One event's journey: read → detect → triage. The page to read first.

`read_step` turns a piece of a file into batches (admit and normalise), `detect_step` turns
a batch into matches, `triage_step` turns matches into what people are told. Stations never
call one another; only this page does. Nothing here does I/O or reads a clock: a scan, a
test and, later, a live hub run the same functions and get the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from carecordon.model.batch import Batch, Rows
from carecordon.model.block import Bad, Block
from carecordon.model.effect import Effect, Record
from carecordon.model.event import LogSource
from carecordon.model.feed import Feed
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, RuleHead
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.heads import correlation_rule, head_of
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.pipeline.ingest.process4688 import ADDED
from carecordon.pipeline.ingest.watch import Watch
from carecordon.pipeline.triage.correlate import Correlator


@dataclass(slots=True)
class ReadState:
    """What reading keeps: how documents become rows, what was there to be seen, and what was left out."""

    normaliser: Normaliser
    possible_keywords: Callable[[bytes], frozenset[int]]
    added_keywords: frozenset[int]
    """Those that may stand in what normalising adds to an event."""
    watch: Watch = field(default_factory=Watch)


@dataclass(slots=True)
class DetectState:
    """What detection keeps: the engine and the heads of its rules. Only memos change."""

    engine: Engine
    heads: Mapping[int, RuleHead]
    correlated: frozenset[str]
    """Ids of rules that correlations refer to: their matches carry the whole event."""
    carries_all: bool = False
    """All matches carry the whole event: redaction learns from it who its people are."""


@dataclass(slots=True)
class TriageState:
    """What triage keeps: windows of correlations."""

    correlator: Correlator


def reading(engine: Engine, bound: LogSource | None) -> ReadState:
    """Return a fresh state for reading; documents of no known shape are bound to `bound`."""
    return ReadState(Normaliser(bound), engine.keywords.possible, engine.keywords.possible(ADDED))


def detecting(rules: RuleSet, engine: Engine, *, carries_all: bool = False) -> DetectState:
    """Return a fresh state for detection; `carries_all` lets every match carry its whole event."""
    heads = {index: head_of(rule) for index, rule in enumerate(rules.rules)}
    correlated = frozenset(identifier for correlation in rules.correlations for identifier in correlation.rules)
    return DetectState(engine, heads, correlated, carries_all)


def triaging(rules: RuleSet) -> TriageState:
    """Return a fresh state for triage."""
    return TriageState(Correlator([correlation_rule(correlation) for correlation in rules.correlations]))


def read_step(state: ReadState, feed: Feed, block: Block) -> Iterator[Rows | Bad]:
    """Yield the block's events in batches of at most RUN rows, and what could not be read.

    Raises what a feed raises, a defect of ours, but only when all that was read before is out.
    """
    known = state.possible_keywords(block.data) | state.added_keywords if feed.is_text else None
    for run in feed.read(block):
        if isinstance(run, Bad):
            yield run
            continue
        rows, refused = state.normaliser.read(run)
        yield from refused
        if rows:
            keywords = known if run.text is None else state.possible_keywords(run.text) | state.added_keywords
            batch = Rows.of(rows, keywords)
            state.watch.see(batch)
            yield batch


def detect_step(
    state: DetectState,
    batch: Batch,
    now: int,  # noqa: ARG001  # rules speak of event time so far; the live hub's steps will ask
) -> tuple[DetectState, list[Effect]]:
    """Return the matches of a batch. `now` (UTC ns) is not asked for yet: rules speak of event time."""
    effects: list[Effect] = []
    for row, outcome in state.engine.match(batch):
        fields = batch.complete(row)
        kind, device, time, record_id, position = batch.header(row)
        for variant in outcome:
            head = state.heads[variant.rule]
            seen = state.engine.seen_through(variant, fields)
            carried = dict(seen) if state.carries_all or head.id in state.correlated else {}
            evidence = state.engine.evidence(variant, seen)
            header = (position, record_id, time, device, kind.channel, kind.event_id)
            effects.append(Record(Match(head, "", *header, evidence, carried)))
    return state, effects


def triage_step(
    state: TriageState,
    matches: Sequence[Match],
    now: int,  # noqa: ARG001  # windows close by event time so far; the live hub's will ask
) -> tuple[TriageState, list[Effect]]:
    """Return what is to be told of these matches, which come in order of event time."""
    effects: list[Effect] = [Record(match) for match in matches if not match.rule.is_silent]
    effects.extend(Record(found) for found in state.correlator.feed(matches) if not found.rule.is_silent)
    return state, effects


def triage_end(state: TriageState) -> tuple[list[CorrelationMatch], list[BlindSpot]]:
    """Return the correlations that were still open when the input ended, and what correlating could not see."""
    return [found for found in state.correlator.close() if not found.rule.is_silent], state.correlator.unseen()
