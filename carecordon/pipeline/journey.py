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
from carecordon.model.effect import Effect, Keep, Record
from carecordon.model.event import LogSource
from carecordon.model.feed import Feed
from carecordon.model.incident import Incident
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.heads import correlation_rule, head_of
from carecordon.pipeline.detect.sigma.ir import Abridged, RuleSet
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.pipeline.ingest.process4688 import ADDED
from carecordon.pipeline.ingest.watch import Watch
from carecordon.pipeline.triage.correlate import Correlator, lasting
from carecordon.pipeline.triage.gather import carried_by, whole
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.latecomers import Latecomers
from carecordon.pipeline.triage.records import PASSED, Kept, time_record
from carecordon.pipeline.triage.score import Estate
from carecordon.pipeline.triage.subject import STARTS, is_start, start_of, subject_fields
from carecordon.pipeline.triage.tell import rescored


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
    correlated: Mapping[str, frozenset[str]]
    """What matches of rules that correlations refer to carry of their events, by the rules' ids."""
    carries_all: bool = False
    """All matches carry the whole event: redaction learns from it who its people are."""


@dataclass(slots=True)
class TriageState:
    """What triage keeps: windows of correlations, and what incidents are made of."""

    correlator: Correlator
    grouper: Grouper
    is_live: bool = False
    """Events come as they happen: windows close by the hub's clock too."""
    newest: tuple[int, int] = (0, 0)
    """Time of the newest match, and when it came (both UTC ns)."""
    latecomers: Latecomers | None = None
    """Live: correlations of devices that were away."""


def reading(engine: Engine, bound: LogSource | None) -> ReadState:
    """Return a fresh state for reading; documents of no known shape are bound to `bound`."""
    return ReadState(Normaliser(bound), engine.keywords.possible, engine.keywords.possible(ADDED))


def reading_only(bound: LogSource | None) -> ReadState:
    """Return a fresh state for reading what no rule will be held against."""
    return ReadState(Normaliser(bound), lambda _: frozenset(), frozenset())


def detecting(rules: RuleSet, engine: Engine, *, carries_all: bool = False) -> DetectState:
    """Return a fresh state for detection; `carries_all` lets every match carry its whole event."""
    heads = {index: head_of(rule) for index, rule in enumerate(rules.rules)}
    return DetectState(engine, heads, carried_by(map(correlation_rule, rules.correlations)), carries_all)


def triaging(
    rules: RuleSet | Abridged,
    estate: Estate | None = None,
    *,
    is_kept: bool = False,
    horizon_ns: int | None = None,
    teller: str = "",
) -> TriageState:
    """Return a fresh state for triage; `estate` is what is known of the devices.

    `is_kept`: steps name the records that they changed, for whoever writes them. `horizon_ns`: matches come as they
    happen, so much later than others at most; None: they come in order of time, until `triage_end`. `teller` is another
    text whenever incidents that are open are to be told once more.
    """
    correlations = [correlation_rule(one) for one in rules.correlations]
    correlator = Correlator(correlations, horizon_ns or 0)
    late = None if horizon_ns is None else Latecomers(correlations, horizon_ns)

    def counted() -> set[tuple[str, int]]:
        return correlator.places() if late is None else correlator.places() | late.places()

    grouper = Grouper(
        frozenset(carried_by(correlations)),
        estate,
        is_kept=is_kept,
        teller=teller,
        counted=counted,
        lasting=lasting(correlations),
    )
    return TriageState(correlator, grouper, horizon_ns is not None, latecomers=late)


def resuming(
    rules: RuleSet | Abridged,
    kept: Kept,
    estate: Estate | None = None,
    horizon_ns: int | None = None,
    now: int | None = None,
    teller: str = "",
) -> TriageState:
    """Return the state that was kept: triage goes on where it ended; `now` (UTC ns) bounds what was told.

    Windows of correlations are filled again with the events that are kept for them; what they told before is not told
    again. What is new among the rules begins with the events that others' windows held. Not kept is which events a
    unit has met (one that comes again, in another file, counts again), and what devices that were catching up had not
    told yet.
    """
    state = triaging(rules, estate, is_kept=True, horizon_ns=horizon_ns, teller=teller)
    told = kept.passed
    if told is not None and now is not None:
        told = min(told, now - (horizon_ns or 0))
    state.correlator.refill(state.grouper.restore(kept), told)
    return state


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
    """Return the matches of a batch and the processes that started in it.

    `now` (UTC ns) is not asked for yet: rules speak of event time.
    """
    effects: list[Effect] = []
    for row in batch.with_ids(STARTS):
        kind, device, time, _, position = batch.header(row)
        if time is not None and is_start(kind):
            started = start_of(batch.complete(row), kind.channel, kind.event_id, device or "", time, position)
            effects.append(Record(started))
    for row, outcome in state.engine.match(batch):
        fields = batch.complete(row)
        kind, device, time, record_id, position = batch.header(row)
        subject = subject_fields(fields)
        for variant in outcome:
            head = state.heads[variant.rule]
            seen = state.engine.seen_through(variant, fields)
            wanted = state.correlated.get(head.id)
            told_apart = b"" if wanted is None else whole(seen)
            names = seen if state.carries_all else [name for name in wanted or () if name in seen]
            carried = {name: seen[name] for name in names}
            evidence = state.engine.evidence(variant, seen)
            header = (position, record_id, time, device, kind.channel, kind.event_id)
            effects.append(Record(Match(head, "", *header, evidence, carried, subject, told_apart)))
    return state, effects


def triage_step(
    state: TriageState,
    found: Sequence[Match | ProcessStart],
    now: int,
) -> tuple[TriageState, list[Effect]]:
    """Return what is to be told of these matches and processes, which come in order of event time.

    `now` (UTC ns) decides when incidents are looked at again: each second, or when there is much more to look at.
    Live, a step with nothing found lets time go by.
    """
    matches = [one for one in found if isinstance(one, Match)]
    if state.is_live:
        state.grouper.now = now
    state.grouper.feed(matches, (one for one in found if isinstance(one, ProcessStart)))
    effects: list[Effect] = [Record(match) for match in matches if not match.rule.is_silent]
    return state, effects + _tied(state, _correlations(state, matches, now), now)


def _correlations(state: TriageState, matches: Sequence[Match], now: int) -> list[CorrelationMatch]:
    """Return the correlations that are over.

    Live, nothing is over before the hub's clock says so, and event time is taken to go on as that clock does; what
    comes too late for its window is held together with its own device's.
    """
    late, correlator = state.latecomers, state.correlator
    if late is None:
        return correlator.feed(matches)
    passed = correlator.passed
    missed = [match for match in matches if match.time is not None and match.time < passed]
    found = correlator.feed((match for match in matches if match.time is None or match.time >= passed), now)
    if missed:
        found += late.feed((match for match in missed if correlator.is_heard(match.rule.id)), now)
    time, came = state.newest
    if correlator.newest > time or not came:
        time, came = state.newest = correlator.newest, now
    found += correlator.pass_time(min(time + max(0, now - came), now))
    return found + late.pass_time(now)


def triage_due(state: TriageState) -> int | None:
    """Return when a step with nothing found would tell of incidents (UTC ns); None where none would."""
    return state.grouper.due


def triage_untold(state: TriageState, incidents: Sequence[Incident]) -> list[Effect]:
    """Return what is to be kept where incidents of the last step reached nobody: so they are told again."""
    state.grouper.untell(incidents)
    return [Keep(key, record) for key, record in state.grouper.changes().items()]


def triage_heads(rules: RuleSet | Abridged) -> list[RuleHead]:
    """Return the heads of all rules and correlations."""
    return [*map(head_of, rules.rules), *(correlation_rule(one).head for one in rules.correlations)]


def triage_end(state: TriageState) -> tuple[list[Effect], list[BlindSpot]]:
    """Return what was still open when the input ended, and what triage could not see."""
    effects = _tied(state, state.correlator.close(), None)
    return effects, triage_unseen(state)


def triage_unseen(state: TriageState) -> list[BlindSpot]:
    """Return what triage could not see so far, with reasons and counts."""
    late = [] if state.latecomers is None else state.latecomers.unseen()
    return [*state.correlator.unseen(), *late, *state.grouper.unseen()]


def triage_scores(state: TriageState, incidents: Sequence[Incident]) -> list[Incident]:
    """Return incidents told at any time with the scores they have now: rarity is known only when all is seen."""
    spread = state.grouper.spread()
    return [rescored(incident, spread, state.grouper.estate) for incident in incidents]


def _tied(state: TriageState, correlations: Sequence[CorrelationMatch], now: int | None) -> list[Effect]:
    """Return the correlations that are to be told, and the incidents that are new or have changed, where it is time."""
    told = [one for one in correlations if not one.rule.is_silent]
    state.grouper.feed(correlations=told)
    incidents: list[Incident] = state.grouper.settle() if now is None or state.grouper.is_due(now) else []
    kept = [Keep(key, record) for key, record in state.grouper.changes().items()]
    if kept and state.is_live and -(1 << 63) < state.correlator.passed < 1 << 63:
        kept.append(Keep((PASSED,), time_record(state.correlator.passed)))
    return [*map(Record, told), *map(Record, incidents), *kept]
