"""Devices that were away: each is held together by itself, for a while, and not without end."""

from __future__ import annotations

from carecordon.model.match import Match
from carecordon.pipeline.triage.latecomers import DEVICES, LOOK_NS, Latecomers
from tests.pipeline.triage.grouping import HOUR, MINUTE, NOON, SECOND, match
from tests.pipeline.triage.script import correlation
from tests.replacing import replace

TWICE = correlation("twice", "event_count", "base", "10m", by="", gte=2)


def pair(device: str, at: int) -> list[Match]:
    return [replace(match("base", at + one * SECOND, device), carried={"n": one}) for one in range(2)]


def test_devices_are_not_mixed_and_each_is_told_when_its_window_is_over() -> None:
    late = Latecomers([TWICE], MINUTE)
    assert late.feed([*pair("ws1", -9 * HOUR), pair("ws2", -9 * HOUR)[0]], NOON) == []
    assert late.pass_time(NOON + 9 * MINUTE) == []
    (found,) = late.pass_time(NOON + 12 * MINUTE)
    assert (found.count, found.start) == (2, NOON - 9 * HOUR)
    assert late.pass_time(NOON + HOUR) == []


def test_a_clock_that_is_set_back_ends_what_was_open() -> None:
    late = Latecomers([TWICE], MINUTE)
    late.feed(pair("ws1", -9 * HOUR), NOON)
    assert [one.count for one in late.pass_time(NOON - HOUR)] == [2]


def test_more_devices_than_there_is_room_for_are_told_as_they_are() -> None:
    late = Latecomers([TWICE], MINUTE)
    told = [one for place in range(DEVICES + 3) for one in late.feed(pair(f"ws{place}", -HOUR), NOON + place)]
    assert len(told) == 3
    assert len(late.pass_time(NOON + HOUR + LOOK_NS)) == DEVICES


def test_where_its_events_stand_is_told_until_a_window_is_over() -> None:
    """Triage forgets what nobody counts."""
    late = Latecomers([TWICE], MINUTE)
    events = [replace(one, position=place) for place, one in enumerate(pair("ws1", -9 * HOUR), 7)]
    late.feed(events, NOON)
    assert late.places() == {(one.file, one.position) for one in events}
    late.pass_time(NOON + HOUR)
    assert late.places() == set()
