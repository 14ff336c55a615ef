"""How loud a rule is: figured by hand on a few matches."""

from __future__ import annotations

from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.model.result import SourceSeen
from carecordon.scan.noise import DAY_NS, Noise, Watched, noise, watched

LOUD = RuleHead("1", "Loud", Level.LOW, (), "loud.yml", 1)
CALM = RuleHead("2", "Calm", Level.HIGH, (), "calm.yml", 1)
FEEDS = RuleHead("3", "Feeds", Level.INFORMATIONAL, (), "feeds.yml", 1, is_silent=True)
BURST = RuleHead("4", "Burst", Level.MEDIUM, (), "feeds.yml", 9)


def match(rule: RuleHead, position: int, device: str | None = "a") -> Match:
    return Match(rule, "f", position, None, 0, device, None, None, {})


def log(device: str | None, first: int | None, last: int | None) -> SourceSeen:
    return SourceSeen(device, "Security", 1, first, last)


def test_a_device_counts_from_its_first_event_to_its_last_over_all_its_logs() -> None:
    assert watched([log("a", DAY_NS, 2 * DAY_NS), log("a", 3 * DAY_NS, 5 * DAY_NS)]) == Watched(1, 4.0)


def test_a_device_counts_at_least_one_day() -> None:
    assert watched([log("a", 5, 5), log("b", None, None), log(None, 0, 2 * DAY_NS)]) == Watched(3, 4.0)


def test_the_rate_is_over_all_devices_and_the_loudest_comes_first() -> None:
    found = [match(CALM, 0), match(LOUD, 1), match(LOUD, 2, "b"), match(LOUD, 3, "b")]
    assert noise(found, found, Watched(4, 8.0)) == [Noise(LOUD, 3, 2, 0.375), Noise(CALM, 1, 1, 0.125)]


def test_a_correlation_counts_once_on_the_devices_of_its_events() -> None:
    fed = [match(FEEDS, 0), match(FEEDS, 1, "b"), match(FEEDS, 2, "c")]
    burst = CorrelationMatch(BURST, {}, 2, 0, 1, (("f", 0), ("f", 1), ("elsewhere", 2)))
    assert noise([burst], fed, Watched(3, 3.0)) == [Noise(BURST, 1, 2, 1 / 3)]


def test_where_nothing_was_read_nothing_is_loud() -> None:
    assert watched([]) == Watched(0, 0.0)
    assert noise([], [], Watched(0, 0.0)) == []
