"""What must hold for any matches: the plain reading agrees, order and copies change nothing, memory is bounded."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carecordon.model.correlation import AllOf, AnyOf, CorrelationRule, CorrelationType, Not, Seen
from carecordon.model.event import Fields
from carecordon.model.match import CorrelationMatch, Match, Unseen
from carecordon.pipeline.triage.correlate import Correlator, lasting
from carecordon.pipeline.triage.stage import Limits
from tests.pipeline.triage import plain
from tests.pipeline.triage.script import head
from tests.replacing import replace

TIMES = st.integers(0, 14)
TEMPORAL = [CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED]
COUNTING = [one for one in CorrelationType if one not in TEMPORAL]
BOUNDS = st.lists(
    st.tuples(st.sampled_from(["gt", "gte", "gte", "gte", "lt", "lte", "eq", "neq"]), st.integers(0, 4).map(float)),
    min_size=1,
    max_size=2,
).map(tuple)
EXPRESSIONS = st.sampled_from(
    [None, None, AllOf((Seen("a"), AnyOf((Seen("b"), Seen("c"))))), AllOf((Seen("a"), Not(Seen("b"))))]
)


@st.composite
def matches(draw: st.DrawFn) -> list[Match]:
    """Return matches of rules a, b and c with distinct places, in time order; some events are matched twice."""
    drawn: list[Match] = []
    for position, time in enumerate(sorted(draw(st.lists(TIMES, max_size=9))), start=1):
        user = draw(st.sampled_from(["anna", "Anna", "ben", None]))
        value = draw(st.sampled_from([0, 1, 1, 2, "3", -1, None]))
        record_id = draw(st.sampled_from([None, position]))
        carried: Fields = {"User": user, "Value": value}
        names = draw(st.sets(st.sampled_from("abc"), min_size=1, max_size=2))
        drawn += [
            Match(head(name), "log", position, record_id, time, "ward-3", "Security", 1, {}, carried)
            for name in sorted(names)
        ]
    return drawn


@st.composite
def rules(draw: st.DrawFn) -> CorrelationRule:
    """Return a rule of any type over a, b and c with any bounds."""
    kind = draw(st.sampled_from(list(CorrelationType)))
    expression = draw(EXPRESSIONS) if kind is CorrelationType.TEMPORAL else None
    bounds = draw(BOUNDS) if kind in COUNTING else draw(st.just(()) | BOUNDS)
    return CorrelationRule(
        head=head("it"),
        type=kind,
        rules=tuple(draw(st.sampled_from([("a", "b"), ("a", "b", "c"), ("c", "a")])))
        if not expression
        else tuple("abc"),
        group_by=draw(st.sampled_from([(), ("User",)])),
        timespan_ns=draw(st.integers(1, 6)),
        bounds=() if expression else bounds,
        fields=("Value",) if str(kind).startswith("value_") else (),
        percentile=draw(st.integers(1, 99)),
        expression=expression,
    )


def told(found: Sequence[CorrelationMatch]) -> list[plain.Told]:
    """Return what was found as the plain reading says it."""
    return sorted(
        (tuple(str(value).lower() for value in one.group.values()), one.count, one.start, one.end, one.members)
        for one in found
    )


def run(rule: CorrelationRule, pieces: Sequence[Sequence[Match]], horizon: int = 0) -> list[CorrelationMatch]:
    """Return what the correlator finds when fed piece by piece."""
    correlator = Correlator([rule], horizon)
    found = [one for piece in pieces for one in correlator.feed(piece)]
    return found + correlator.close()


def rounded(all_told: Sequence[plain.Told]) -> list[plain.Told]:
    """Return the same with figures to nine digits: the plain reading counts in floats."""
    return sorted((group, round(figure, 9), start, end, members) for group, figure, start, end, members in all_told)


@settings(max_examples=200)
@given(rules(), matches())
def test_the_plain_reading_agrees(rule: CorrelationRule, events: list[Match]) -> None:
    # Bounds are whole numbers and values too: averages that only rounding parts from a bound cannot arise.
    assert rounded(told(run(rule, [events]))) == rounded(plain.correlate(rule, events))


@given(rules(), matches(), st.integers(1, 5))
def test_it_does_not_matter_how_the_matches_are_cut_into_pieces(
    rule: CorrelationRule, events: list[Match], size: int
) -> None:
    pieces = [events[start : start + size] for start in range(0, len(events), size)]
    assert told(run(rule, pieces)) == told(run(rule, [events]))


@given(rules(), matches().flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_arrival_order_within_the_horizon_does_not_matter(
    rule: CorrelationRule, both: tuple[list[Match], list[Match]]
) -> None:
    events, shuffled = both
    assert run(rule, [[one] for one in shuffled], horizon=20) == run(rule, [events], horizon=20)
    assert run(rule, [shuffled]) == run(rule, [events])


@given(rules(), matches())
def test_the_same_log_twice_changes_nothing_but_the_places(rule: CorrelationRule, events: list[Match]) -> None:
    twice = [copy for event in events for copy in (event, replace(event, file="the same log"))]
    once = run(rule, [events])
    again = run(rule, [twice])
    without_copies = [replace(one, members=tuple(place for place in one.members if place[0] == "log")) for one in again]
    assert told(without_copies) == told(once)
    assert all(len(one.members) == 2 * len(other.members) for one, other in zip(again, once, strict=True))


@given(
    rules(),
    rules(),
    st.integers(1, 5),
    matches().flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))),
)
def test_a_chain_does_not_depend_on_cut_or_arrival(
    lower: CorrelationRule, upper: CorrelationRule, size: int, both: tuple[list[Match], list[Match]]
) -> None:
    events, shuffled = both
    built_on = replace(upper, head=head("upper"), rules=("it", "c"), expression=None, fields=("User",), group_by=())
    grouped = replace(lower, group_by=("User",))
    whole = Correlator([built_on, grouped])
    expected = told(whole.feed(events) + whole.close())
    cut = Correlator([built_on, grouped])
    found = [one for start in range(0, len(events), size) for one in cut.feed(events[start : start + size])]
    assert told(found + cut.close()) == expected
    late = Correlator([built_on, grouped], horizon_ns=20)
    found = [one for event in shuffled for one in late.feed([event])]
    assert told(found + late.close()) == expected


@settings(max_examples=300)
@given(st.lists(rules(), min_size=1, max_size=2), matches(), st.integers(0, 9), st.integers(0, 4), st.booleans())
def test_taken_up_with_what_is_counted_it_tells_what_it_would_have_told(
    drawn: list[CorrelationRule], events: list[Match], cut: int, horizon: int, is_chain: bool
) -> None:
    """Of what nobody counts only matches that last are there: of whole windows, of sums, and of what they build on."""
    lower, *others = drawn
    correlations = [lower, *(replace(other, head=head("other")) for other in others)]
    if is_chain and others:
        correlations[0] = replace(lower, group_by=("User",))
        built_on = replace(correlations[1], rules=("it", "c"), expression=None, fields=("User",), group_by=())
        correlations[1] = built_on
    alone = Correlator(correlations, horizon)
    expected = [one for event in events for one in alone.feed([event])] + alone.close()
    first = Correlator(correlations, horizon)
    found = [one for event in events[:cut] for one in first.feed([event])]
    counted, lasts = first.places(), lasting(correlations)
    kept = [one for one in events[:cut] if (one.file, one.position) in counted or one.rule.id in lasts]
    second = Correlator(correlations, horizon)
    second.refill(kept, first.passed)
    found += [one for event in events[cut:] for one in second.feed([event])]
    assert told(found + second.close()) == told(expected)


def test_places_are_told_once_a_burst_however_many_moments_build_on_it() -> None:
    """Else a guessed password of a day would take minutes to look through."""
    inner = replace(counting(2), head=head("inner"))
    outer = replace(counting(1), rules=("inner",), head=head("it"), timespan_ns=100_000)
    correlator = Correlator([inner, outer])
    correlator.feed(failure(time) for time in range(500))
    yielded = sum(1 for stage in correlator._stages for _ in stage.places())
    assert yielded <= 4 * 500
    assert correlator.places() == {("log", time) for time in range(500)}


@pytest.mark.parametrize(
    ("bounds", "first", "is_kept"), [((), "b", False), ((), "a", True), ((("gte", 1.0),), "b", True)]
)
def test_what_comes_in_order_is_remembered_from_where_it_can_begin(
    bounds: tuple[tuple[str, float], ...], first: str, is_kept: bool
) -> None:
    ordered = replace(counting(1), type=CorrelationType.TEMPORAL_ORDERED, rules=("a", "b"), bounds=bounds)
    correlator = Correlator([ordered])
    correlator.feed([replace(failure(5), rule=head(first)), replace(failure(6, "ben"), rule=head("a"))])
    correlator.pass_time(10)
    assert (("log", 5) in correlator.places()) is is_kept
    assert ("log", 6) in correlator.places()


def failure(time: int, user: str = "anna") -> Match:
    """Return a failed logon; its position is its time."""
    return Match(head("a"), "log", time, None, time, None, None, None, {}, {"User": user})


def counting(limit: float, op: str = "gte") -> CorrelationRule:
    """Return a count of failures by user within 1000."""
    return CorrelationRule(head("it"), CorrelationType.EVENT_COUNT, ("a",), ("User",), 1000, ((op, limit),))


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("xyz")), max_size=60))
@example([(time, "x") for time in range(60)])
def test_memory_is_bounded_and_what_is_dropped_is_told(drawn: list[tuple[int, str]]) -> None:
    limits = Limits(group_events=6, events=10, groups=2, waiting=4)
    correlator = Correlator([counting(3)], limits=limits)
    found: list[CorrelationMatch] = []
    for time, user in sorted(drawn):
        found += correlator.feed([failure(time, user)])
        stage = correlator._stages[0]
        assert len(stage._groups) <= limits.groups
        assert stage._kept <= limits.events
        assert stage._kept == sum(window.kept for window in stage._groups.values())
        assert all(window.kept <= limits.group_events for window in stage._groups.values())
        assert len(stage._waiting) <= limits.waiting
    found += correlator.close()
    assert all(one.count <= limits.group_events for one in found)
    if len(drawn) > limits.events and len(set(drawn)) == len(drawn):
        assert found or correlator.unseen()


def test_a_long_burst_is_told_in_pieces_that_miss_nothing() -> None:
    correlator = Correlator([counting(3)], limits=Limits(group_events=10))
    found = correlator.feed(failure(time * 100) for time in range(1, 46))
    found += correlator.close()
    assert [len(one.members) for one in found] == [10, 10, 10, 10, 5]
    assert [place for one in found for place in one.members] == [("log", time * 100) for time in range(1, 46)]


def test_events_over_the_cap_are_told_and_a_rule_that_asks_for_more_gets_more() -> None:
    capped = Correlator(
        [replace(counting(3), type=CorrelationType.TEMPORAL, bounds=())], limits=Limits(group_events=10)
    )
    capped.feed(failure(time) for time in range(1, 31))
    capped.close()
    assert [(spot.kind, spot.count) for spot in capped.unseen()] == [(Unseen.RECORD, 20)]
    asking = Correlator([counting(25)], limits=Limits(group_events=10))
    asking.feed(failure(time) for time in range(1, 31))
    assert [one.count for one in asking.close()] == [27]


def test_a_whole_window_over_the_cap_is_told() -> None:
    correlator = Correlator([counting(3, "eq")], limits=Limits(group_events=10))
    correlator.feed(failure(time) for time in range(1, 31))
    assert correlator.close() == []
    assert [(spot.kind, spot.count) for spot in correlator.unseen()] == [(Unseen.RECORD, 20)]


def test_too_many_groups_forget_the_quietest_and_tell_it() -> None:
    correlator = Correlator([counting(2)], limits=Limits(groups=3))
    found = correlator.feed(failure(time, user) for time, user in enumerate(["v", "w", "v", "x", "y", "v", "z"]))
    found += correlator.close()
    assert [one.members for one in found] == [(("log", 0), ("log", 2), ("log", 5))]
    assert sum(spot.count or 0 for spot in correlator.unseen()) == 2


def test_no_more_matches_wait_than_there_is_room_for() -> None:
    correlator = Correlator([counting(3)], horizon_ns=1000, limits=Limits(waiting=4))
    for time in (5, 3, 8, 1, 9, 2, 7):
        correlator.feed([failure(time)])
        assert len(correlator._stages[0]._waiting) <= 4
    assert [one.members for one in correlator.close()] == [tuple(("log", time) for time in (1, 2, 3, 5, 7, 8, 9))]
    assert correlator.unseen() == []


def test_what_comes_after_the_horizon_is_not_counted_but_told() -> None:
    correlator = Correlator([counting(3)], horizon_ns=10)
    correlator.feed([failure(100)])
    correlator.feed([failure(89)])
    correlator.feed([failure(90)])
    correlator.feed([failure(95)])
    assert [one.members for one in correlator.close()] == [(("log", 90), ("log", 95), ("log", 100))]
    assert [(spot.kind, spot.count) for spot in correlator.unseen()] == [(Unseen.CLOCK, 1)]


def test_a_clock_that_runs_ahead_closes_nobody_s_window() -> None:
    correlator = Correlator([counting(3)])
    correlator.feed([failure(100), failure(9_000_000, "ben")], now=200)
    correlator.feed([failure(210), failure(220)], now=300)
    assert [one.members for one in correlator.close()] == [(("log", 100), ("log", 210), ("log", 220))]


def test_times_before_1970_take_part() -> None:
    correlator = Correlator([counting(2)])
    correlator.feed([failure(-5000), failure(-4900)])
    assert [one.count for one in correlator.close()] == [2]
