"""What a match says is made once for one event in many files, and never taken for what another says."""

from __future__ import annotations

import tracemalloc
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.match import Match
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.unit import KNOWN_CHARS, Gists
from tests.pipeline.triage.grouping import NOON, grouped, match
from tests.replacing import replace

EVENTS = st.builds(
    match,
    st.sampled_from("ab"),
    st.integers(0, 1),
    st.sampled_from(["ws1", "ws2"]),
    ProcessGuid=st.sampled_from(["a-1", "b-1"]),
    CommandLine=st.sampled_from(["x", "y"]),
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 3), st.integers(1, 3)), max_size=16))
def test_shared_fields_or_copies_of_them_tell_the_same(events: list[tuple[Match, int, int]]) -> None:
    shared = [replace(one, file=f"log-{file}", position=at) for one, file, at in events]
    fresh = [replace(one, subject=deepcopy(one.subject), fields=deepcopy(one.fields)) for one in shared]
    assert grouped(*shared) == grouped(*fresh)


def test_one_event_in_two_files_is_read_once() -> None:
    one = match(CommandLine="x")
    gists = Gists()
    assert gists.of(one, NOON) is gists.of(replace(one, file="copy"), NOON)
    assert gists.of(one, NOON + 1) is not gists.of(one, NOON)


@pytest.mark.parametrize("other", [{"device": "ws2"}, {"channel": "Security"}, {"event_id": 4688}, {"record_id": 7}])
def test_who_shares_fields_but_not_the_header_is_another_event(other: dict[str, object]) -> None:
    one = match(CommandLine="x", ProcessId="0x10", NewProcessId="0x20")
    alien = replace(one, **other)
    gists = Gists()
    gists.of(one, NOON)
    assert gists.of(alien, NOON) == Gists().of(alien, NOON)


def test_fields_that_are_gone_are_not_taken_for_others_in_their_place() -> None:
    gists = Gists()
    for number in range(2_000):
        one = match(CommandLine=f"run {number}")
        assert gists.of(one, NOON).subject.command_line == f"run {number}"


def test_what_is_large_is_not_held() -> None:
    gists = Gists()
    tracemalloc.start()
    try:
        for number in range(60):
            gists.of(match(CommandLine="x" * (KNOWN_CHARS // 3) + str(number)), NOON)
        assert tracemalloc.get_traced_memory()[1] < 8 * KNOWN_CHARS
    finally:
        tracemalloc.stop()


def test_the_earliest_place_of_an_event_speaks_for_it_whatever_comes_first() -> None:
    places = [("b", 1), ("a", 2), ("c", 1), ("a", 1)]
    for first in range(4):
        grouper = Grouper()
        grouper.feed(match(file=file, position=at, User="x") for file, at in (*places[first:], *places[:first]))
        (incident,) = grouper.settle()
        assert [(alert.sample.file, alert.sample.position, alert.count) for alert in incident.alerts] == [("a", 1, 1)]
