"""Stories of several rules: near each other, in order, and correlations built on correlations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carecordon.model.correlation import AllOf, AnyOf, CorrelationRule, Not, Seen
from carecordon.model.errors import OurFault
from carecordon.pipeline.triage.conditions import denied
from carecordon.pipeline.triage.correlate import Correlator, by_dependency
from tests.pipeline.triage.script import correlation, play, tidy

A, B, C = Seen("a"), Seen("b"), Seen("c")


def test_all_rules_in_any_order_within_the_timespan() -> None:
    rule = correlation("recon", "temporal", "a b c", "5m")
    script = """
        >> 10:00 c User=anna
        >> 10:03 a User=anna
        >> 10:04 b User=ben
        >> 10:05 b User=anna
        >> 10:06 a User=anna
        >> end
        << recon User=anna 3 from 10:00 to 10:05: 1 2 4
    """
    assert play([rule], script) == tidy(script)


def test_some_of_the_rules() -> None:
    rule = correlation("recon", "temporal", "a b c", "5m", gte=2)
    script = """
        >> 10:00 c User=anna
        >> 10:01 c User=anna
        >> 10:02 a User=anna
        >> end
        << recon User=anna 2 from 10:00 to 10:02: 1 2 3
    """
    assert play([rule], script) == tidy(script)


def test_exactly_some_of_the_rules() -> None:
    rule = correlation("recon", "temporal", "a b c", "5m", eq=2)
    script = """
        >> 10:00 a User=anna
        >> 10:01 b User=anna
        >> 10:02 c User=anna
        >> 10:06 a User=anna
        >> 10:07 b User=anna
        >> end
        << recon User=anna 2 from 10:06 to 10:07: 4 5
    """
    assert play([rule], script) == tidy(script)


def test_one_event_may_match_all_rules_near_each_other() -> None:
    rule = correlation("both", "temporal", "a b", "5m")
    script = """
        >> 10:00 a,b User=anna
        >> end
        << both User=anna 2 from 10:00 to 10:00: 1
    """
    assert play([rule], script) == tidy(script)


@pytest.mark.parametrize(
    ("expression", "events", "fires"),
    [
        (AllOf((A, AnyOf((B, C)))), "a c", True),
        (AllOf((A, AnyOf((B, C)))), "c b", False),
        (AllOf((A, Not(B))), "a c", True),
        (AllOf((A, Not(B))), "a b", False),
        (AllOf((A, Not(B))), "b a", False),
        (AllOf((A, Not(Not(B)))), "a b", True),
        (Not(AllOf((A, Not(B)))), "a b", True),
        (Not(AllOf((A, Not(B)))), "a c", False),
    ],
)
def test_an_expression_over_the_rules(expression: AllOf | Not, events: str, fires: bool) -> None:
    rule = correlation("some", "temporal", "a b c", "5m", expression=expression)
    first, second = events.split()
    script = f">> 10:00 {first} User=anna\n>> 10:01 {second} User=anna\n>> end"
    told = "\n<< some User=anna 2 from 10:00 to 10:01: 1 2" if fires else ""
    assert play([rule], script) == script + told


def test_what_an_expression_denies() -> None:
    assert denied(AllOf((A, Not(B)))) == {"b"}
    assert denied(Not(AnyOf((A, Not(B))))) == {"a"}
    assert denied(AnyOf((A, Not(Not(B))))) == frozenset()


def test_in_order_and_only_the_tightest_run_is_told() -> None:
    rule = correlation("break_in", "temporal_ordered", "a b", "5m")
    script = """
        >> 10:00 b User=anna
        >> 10:01 a User=anna
        >> 10:02 a User=anna
        >> 10:03 b User=anna
        >> 10:04 a User=anna
        >> 10:10 b User=anna
        << break_in User=anna 2 from 10:02 to 10:03: 3 4
        >> end
    """
    assert play([rule], script) == tidy(script)


def test_a_run_in_order_keeps_within_the_timespan() -> None:
    rule = correlation("steps", "temporal_ordered", "a b c", "5m")
    script = """
        >> 10:00 a User=anna
        >> 10:04 b User=anna
        >> 10:05 c User=anna
        >> end
        << steps User=anna 3 from 10:00 to 10:05: 1 2 3
    """
    assert play([rule], script) == tidy(script)
    assert "<<" not in play([rule], script.replace("10:05", "10:06"))


def test_runs_that_share_no_event_are_two() -> None:
    rule = correlation("break_in", "temporal_ordered", "a b", "5m")
    script = """
        >> 10:00 a User=anna
        >> 10:01 b User=anna
        >> 10:02 a User=anna
        >> 10:03 b User=anna
        >> 10:08 a User=anna
        << break_in User=anna 2 from 10:00 to 10:01: 1 2
        >> 10:14 b User=anna
        << break_in User=anna 2 from 10:02 to 10:03: 3 4
        >> end
    """
    assert play([rule], script) == tidy(script)


def test_a_rule_named_twice_is_one_where_order_does_not_matter() -> None:
    rule = correlation("pair", "temporal", "a a b", "5m")
    script = """
        >> 10:00 a User=anna
        >> 10:01 b User=anna
        >> end
        << pair User=anna 2 from 10:00 to 10:01: 1 2
    """
    assert play([rule], script) == tidy(script)


def test_a_rule_named_twice_is_two_steps() -> None:
    rule = correlation("double", "temporal_ordered", "a a b", "5m")
    script = """
        >> 10:00 a User=anna
        >> 10:01 b User=anna
        >> 10:02 a User=anna
        >> 10:03 b User=anna
        >> end
        << double User=anna 3 from 10:00 to 10:03: 1 2 3 4
    """
    assert play([rule], script) == tidy(script)


def test_equal_times_count_as_in_order_but_one_event_is_one_step() -> None:
    rule = correlation("break_in", "temporal_ordered", "a b", "5m")
    script = """
        >> 10:00 b id=1 User=anna
        >> 10:00 a id=2 User=anna
        >> 10:00 a,b User=ben
        >> end
        << break_in User=anna 2 from 10:00 to 10:00: 1 2
    """
    assert play([rule], script) == tidy(script)


@pytest.mark.parametrize(
    ("bounds", "events", "figure"),
    [
        ({"gte": 2}, "a c", 2),
        ({"gte": 2}, "c a", None),
        ({"gt": 1}, "b c", 2),
        ({"gte": 2}, "c b a", None),
        ({"eq": 2}, "a b", 2),
        ({"eq": 2}, "a b c", None),
        ({"lte": 2}, "c b a", 1),
        ({"gte": 2, "lt": 3}, "c a b", 2),
    ],
)
def test_some_of_the_rules_in_order(bounds: dict[str, float], events: str, figure: int | None) -> None:
    rule = replace(correlation("some", "temporal_ordered", "a b c", "5m"), bounds=tuple(bounds.items()))
    names = events.split()
    script = "\n".join(f">> 10:0{minute} {name} User=anna" for minute, name in enumerate(names)) + "\n>> end"
    told = [line for line in play([rule], script).splitlines() if line.startswith("<<")]
    assert [line.split()[3] for line in told] == ([] if figure is None else [str(figure)])


@pytest.mark.parametrize(
    ("events", "members"),
    [("a b", "1 2"), ("a c b", None), ("c a b", "2 3"), ("a c a b", "3 4"), ("a b,c", None), ("b a", None)],
)
def test_in_order_and_nothing_of_a_kind_in_between(events: str, members: str | None) -> None:
    """In an ordered expression `not c` means: no c between the first and the last."""
    expression = AllOf((A, B, Not(C)))
    rule = correlation("quiet", "temporal_ordered", "a b c", "5m", expression=expression)
    names = events.split()
    script = "\n".join(f">> 10:0{minute} {name} User=anna" for minute, name in enumerate(names)) + "\n>> end"
    told = [line for line in play([rule], script).splitlines() if line.startswith("<<")]
    assert [line.split(": ")[1] for line in told] == ([] if members is None else [members])


def chain(*, silent: bool) -> list[CorrelationRule]:
    """Return many failures followed by a success, the outer rule first."""
    return [
        correlation("taken", "temporal_ordered", "brute logon", "10m"),
        correlation("brute", "event_count", "failed", "10m", by="User Source", gte=3, silent=silent),
    ]


def test_a_chain_sees_the_count_reached_though_failures_go_on() -> None:
    script = """
        >> 10:00 failed User=anna Source=192.0.2.1
        >> 10:01 logon User=anna
        >> 10:02 failed User=anna Source=192.0.2.1
        >> 10:03 failed User=anna Source=192.0.2.1
        >> 10:04 logon User=anna
        >> 10:05 failed User=anna Source=192.0.2.1
        >> end
        << taken User=anna 2 from 10:00 to 10:04: 1 3 4 5
    """
    assert play(chain(silent=True), script) == tidy(script)
    told = "\n<< brute User=anna Source=192.0.2.1 4 from 10:00 to 10:05: 1 3 4 6"
    assert play(chain(silent=False), script) == tidy(script) + told


def test_an_event_that_comes_by_two_ways_is_one_member() -> None:
    rules = [
        correlation("both", "temporal", "brute failed", "10m"),
        correlation("brute", "event_count", "failed", "10m", gte=2, silent=True),
    ]
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed User=anna
        >> end
        << both User=anna 2 from 10:00 to 10:01: 1 2
    """
    assert play(rules, script) == tidy(script)


def test_a_chain_s_time_counts_from_when_its_condition_last_held() -> None:
    script = """
        >> 10:00 failed User=anna Source=192.0.2.1
        >> 10:01 failed User=anna Source=192.0.2.1
        >> 10:02 failed User=anna Source=192.0.2.1
        >> 10:13 logon User=anna
        >> end
    """
    assert play(chain(silent=True), script) == tidy(script)


def test_bursts_count_once_in_a_count_of_correlations() -> None:
    rules = [
        correlation("campaign", "event_count", "brute lockout", "8h", by="", gte=3),
        correlation("brute", "event_count", "failed", "10m", gte=2, silent=True),
    ]
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed User=anna
        >> 10:02 failed User=anna
        >> 10:03 failed User=anna
        >> 10:20 failed User=ben
        >> 10:21 failed User=ben
        >> 10:40 lockout User=ben
        >> end
        << campaign 3 from 10:00 to 10:40: 1 2 3 4 5 6 7
    """
    assert play(rules, script) == tidy(script)
    assert "<<" not in play(rules, script.replace("lockout", "other"))


def test_a_whole_window_is_an_event_at_its_last_event() -> None:
    """It is known only when its timespan is over; what came in between waits for it."""
    rules = [
        correlation("leak", "temporal_ordered", "heavy delete", "2h"),
        correlation("heavy", "value_avg", "sent", "1h", of="Bytes", gt=500, silent=True),
    ]
    script = """
        >> 10:00 sent User=anna Bytes=900
        >> 10:05 delete User=anna
        >> 10:10 sent User=anna Bytes=700
        >> 10:20 delete User=anna
        >> 11:30 other User=anna
        >> end
        << leak User=anna 2 from 10:00 to 10:20: 1 3 4
    """
    assert play(rules, script) == tidy(script)


def test_a_value_of_a_correlation_counts_once_a_burst() -> None:
    """Its fields are the values of its group: here the number of a bed."""
    rules = [
        correlation("sum", "value_sum", "alarms", "1h", by="", of="Bed", gte=5),
        correlation("alarms", "event_count", "alarm", "10m", by="Bed", gte=2, silent=True),
    ]
    script = """
        >> 10:00 alarm Bed=2
        >> 10:01 alarm Bed=2
        >> 10:02 alarm Bed=2
        >> 10:20 alarm Bed=3
        >> 10:21 alarm Bed=3
        >> end
        << sum 5 from 10:00 to 10:21: 1 2 4 5
    """
    assert play(rules, script) == tidy(script)


def test_three_stories_high() -> None:
    rules = [
        correlation("top", "temporal", "middle z", "1h", by=""),
        correlation("middle", "temporal_ordered", "bottom y", "30m", silent=True),
        correlation("bottom", "event_count", "x", "10m", gte=2, silent=True),
    ]
    script = """
        >> 10:00 z User=ben
        >> 10:01 x User=anna
        >> 10:02 x User=anna
        >> 10:03 y User=anna
        >> end
        << top 2 from 10:00 to 10:03: 1 2 3 4
    """
    assert play(rules, script) == tidy(script)


def test_a_circle_is_our_fault() -> None:
    one = correlation("one", "temporal", "two x", "5m")
    two = correlation("two", "temporal", "one x", "5m")
    with pytest.raises(OurFault, match="circle"):
        Correlator([one, two])


def test_rules_come_after_those_they_refer_to() -> None:
    names = [rule.head.id for rule in by_dependency(chain(silent=True))]
    assert names == ["brute", "taken"]
