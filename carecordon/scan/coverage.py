"""Which rules could speak at all: log sources that were there, and fields that their events carried."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from carecordon.model.event import Kind, LogSource
from carecordon.model.match import BlindSpot, Unseen
from carecordon.pipeline.detect.sigma.ir import Correlation, Rule
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.scan.dormancy import silenced
from carecordon.scan.worker import KindSeen

State = Literal["served", "absent", "dormant"]


@dataclass(frozen=True, slots=True)
class Cover:
    """How far one rule was served: `events` of its log source, and the fields it names that none of them carried."""

    rule: Rule
    state: State
    events: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CorrelationCover:
    """Whether the rules of a correlation were served well enough for it; `events` are those of any of their sources."""

    rule: Correlation
    state: State
    events: int


def merged(seen: Iterable[KindSeen]) -> list[KindSeen]:
    """Return one entry a kind from what several workers saw."""
    found: dict[object, KindSeen] = {}
    for one in seen:
        other = found.get(one.kind)
        if other is not None:
            asked, carried = one.asked | other.asked, one.carried | other.carried
            one = KindSeen(one.kind, one.events + other.events, asked, carried)  # noqa: PLW2901  # the sum of both
        found[one.kind] = one
    return list(found.values())


def covers(program: Program, seen: Iterable[KindSeen]) -> list[Cover]:
    """Return how far each rule of the program was served, in its order."""
    events: Counter[int] = Counter()
    asked: dict[int, set[str]] = defaultdict(set)
    carried: dict[int, set[str]] = defaultdict(set)
    for one in seen:
        for variant in program.variants(one.kind):
            events[variant.rule] += one.events
            for name in program.rules[variant.rule].fields:
                key = variant.view.get(name, name)
                if key in one.asked:
                    (carried if key in one.carried else asked)[variant.rule].add(name)
    dormant = set(program.dormant)
    return [
        Cover(
            rule,
            "dormant" if index in dormant else "served" if events[index] else "absent",
            events[index],
            tuple(sorted(asked[index] - carried[index])),
        )
        for index, rule in enumerate(program.rules)
    ]


def correlation_covers(
    correlations: Sequence[Correlation], found: Iterable[Cover], program: Program, seen: Iterable[KindSeen]
) -> list[CorrelationCover]:
    """Return how far each correlation was served, given how its rules were."""
    states = {cover.rule.id: cover.state for cover in found}
    dormant = silenced(correlations, {rule for rule, state in states.items() if state == "dormant"})
    unserved = silenced(correlations, {rule for rule, state in states.items() if state != "served"})
    served = [(one.events, {program.rules[each.rule].id for each in program.variants(one.kind)}) for one in seen]
    feeding: dict[str, frozenset[str]] = {}
    covered = []
    for each in correlations:
        rules = feeding[each.id] = frozenset().union(*(feeding.get(rule, {rule}) for rule in each.rules))
        events = sum(count for count, ids in served if not rules.isdisjoint(ids))
        state: State = "dormant" if each.id in dormant else "absent" if each.id in unserved else "served"
        covered.append(CorrelationCover(each, state, events))
    return covered


def blind_spots(found: Iterable[Cover], within: str = "in the input") -> Iterator[BlindSpot]:
    """Yield log sources without mapping, log sources without events, and fields that no event carried.

    `within` says in words where events were looked at.
    """
    dormant: Counter[LogSource] = Counter()
    absent: Counter[LogSource] = Counter()
    fields: Counter[tuple[LogSource, str]] = Counter()
    for cover in found:
        if cover.state == "dormant":
            dormant[cover.rule.logsource] += 1
        elif cover.state == "absent":
            absent[cover.rule.logsource] += 1
        for name in cover.missing:
            fields[cover.rule.logsource, name] += 1
    for source, count in sorted(dormant.items(), key=str):
        reason = f"{named(source)}: no known events serve this log source, so its rules are dormant"
        yield BlindSpot(Unseen.LOGSOURCE, reason, count=count)
    for source, count in sorted(absent.items(), key=str):
        yield BlindSpot(Unseen.LOGSOURCE, f"{named(source)}: no such event {within}", count=count)
    for (source, name), count in sorted(fields.items(), key=str):
        yield BlindSpot(Unseen.FIELD, f"{named(source)}: no event carries the field {name}", count=count)


def unasked(program: Program, bound: LogSource | None) -> Iterator[BlindSpot]:
    """Yield the log source that documents are bound to by hand, where no rule asks for it: it may be mistyped."""
    if bound is not None and not program.variants(Kind(None, None, None, bound)):
        yield BlindSpot(Unseen.LOGSOURCE, f"{_spelt(bound)}: no rule asks for it; check the spelling of --logsource")


def _spelt(source: LogSource) -> str:
    return " ".join(f"{name}={part}" for name, part in source._asdict().items() if part)


def named(source: LogSource) -> str:
    """Return a log source as people say it, e.g. `windows process_creation`."""
    return " ".join(part for part in (source.product, source.service, source.category) if part) or "any log source"
