"""Temporal correlations from their YAML to what is told, when all is read at once, live, and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from carecordon.model.effect import Effect, Keep, recorded
from carecordon.model.match import CorrelationMatch, Match
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.triage.records import Kept
from tests.pipeline.detect.sigma.matching import flat, matches, ready, rows_of

RULE = """\
title: Rule {name}
name: {name}
logsource: {{product: windows, service: security}}
detection: {{s: {{A: {name}}}, condition: s}}
---
"""
BASES = "".join(RULE.format(name=name) for name in "abc")
NS = 1_000_000_000
HORIZON = 5 * NS

# what the correlation says, the rules that match ten seconds apart, the figure told (0: nothing is told)
STORIES = [
    ("type: temporal, condition: a and (b or c)", "ac", 2),
    ("type: temporal, condition: a and (b or c)", "cb", 0),
    ("type: temporal, rules: [a, b, c], condition: a and (b or c)", "cab", 3),
    ("type: temporal, condition: a and not b", "a", 1),
    ("type: temporal, condition: a and not b", "ab", 0),
    ("type: temporal, condition: a or b", "b", 1),
    ("type: temporal_ordered, condition: a and b and not c", "ab", 2),
    ("type: temporal_ordered, condition: a and b and not c", "acb", 0),
    ("type: temporal_ordered, condition: a and b and not c", "ba", 0),
    ("type: temporal_ordered, condition: a and (b or c)", "ac", 2),
    ("type: temporal, rules: [a, b, c]", "cab", 3),
    ("type: temporal, rules: [a, b, c]", "ac", 0),
    ("type: temporal, rules: [a, b, c], condition: {gte: 1}", "c", 1),
    ("type: temporal, rules: [a, b, c], condition: {gte: 2}", "ca", 2),
    ("type: temporal, rules: [a, b, c], condition: {gte: 2}", "cc", 0),
    ("type: temporal, rules: [a, b, c], condition: {gt: 1, lt: 3}", "ca", 2),
    ("type: temporal, rules: [a, b, c], condition: {gt: 1, lt: 3}", "cab", 0),
    ("type: temporal, rules: [a, b], condition: {eq: 1}", "ab", 0),
    ("type: temporal, rules: [a, b], condition: {neq: 2}", "a", 1),
]


@pytest.fixture(params=STORIES, ids=[f"{section}: {story}" for section, story, _ in STORIES])
def case(request: pytest.FixtureRequest) -> tuple[RuleSet, list[Match], list[int]]:
    """Return the rules, what they match and the figures that are to be told."""
    section, story, figure = request.param
    rules = ready(f"{BASES}title: C\ncorrelation: {{timespan: 1m, group-by: [User], {section}}}\n")
    events = [
        flat("Security", 1, {"A": name, "User": "anna", "EventTime": f"2026-11-25 01:00:{place}0"})
        for place, name in enumerate(story)
    ]
    return rules, matches(rules, Engine(rules, None), rows_of(events)), [figure] if figure else []


def figures(effects: Iterable[Effect]) -> list[float]:
    """Return the figures of the correlations that are told."""
    return [one.count for one in recorded(tuple(effects)) if isinstance(one, CorrelationMatch)]


def live(state: journey.TriageState, found: list[Match], start: int) -> Iterator[Effect]:
    """Yield what is told from `start` on of matches that come as they happen, and when all windows are over."""
    steps = [(start, []), *((match.time or 0, [match]) for match in found), (start + 120 * NS, [])]
    for now, come in steps:
        yield from journey.triage_step(state, come, now)[1]


def test_what_is_read_at_once(case: tuple[RuleSet, list[Match], list[int]]) -> None:
    rules, found, expected = case
    state = journey.triaging(rules)
    _, effects = journey.triage_step(state, found, 0)
    rest, _ = journey.triage_end(state)
    assert figures([*effects, *rest]) == expected


def test_what_comes_as_it_happens(case: tuple[RuleSet, list[Match], list[int]]) -> None:
    rules, found, expected = case
    assert figures(live(journey.triaging(rules, horizon_ns=HORIZON), found, found[0].time or 0)) == expected


def test_what_is_taken_up_again(case: tuple[RuleSet, list[Match], list[int]]) -> None:
    """After the first event a crash: what comes is told as if there had been none."""
    rules, found, expected = case
    now = found[0].time or 0
    _, effects = journey.triage_step(journey.triaging(rules, is_kept=True, horizon_ns=HORIZON), found[:1], now)
    records = {effect.key: effect.record for effect in effects if isinstance(effect, Keep)}
    kept = Kept((key, record) for key, record in records.items() if record is not None)
    state = journey.resuming(rules, kept, horizon_ns=HORIZON, now=now)
    assert figures(live(state, found[1:], now)) == expected
