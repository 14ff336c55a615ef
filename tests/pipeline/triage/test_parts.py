"""Looking at incidents after each change tells the same as making all of them anew."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carecordon.model.incident import Incident
from carecordon.model.match import Level, Match
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage import group as room
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.processes import Processes, Tops
from tests.pipeline.triage.grouping import HOUR, MINUTE, NOON, SECOND, match, start
from tests.replacing import replace

DEVICES = ("ws1", "fs1")
GUIDS = ("g1", "g2", "g3", "g4")
ADDRESSES = ("192.0.2.7", "198.51.100.9")
PIDS = st.integers(1, 4)
Step = tuple[list[Match], list[ProcessStart]]

levels = st.sampled_from([Level.INFORMATIONAL, Level.LOW, Level.LOW, Level.MEDIUM, Level.HIGH])
moments = st.integers(0, 30 * 60).map(lambda minutes: minutes * MINUTE)


@st.composite
def found(draw: st.DrawFn) -> Match:
    """Return a match of one of few devices, processes, accounts and addresses, so that many hang together."""
    subject: dict[str, Any] = {
        "ProcessGuid": draw(st.none() | st.sampled_from(GUIDS)),
        "ProcessId": draw(st.none() | PIDS),
        "ParentProcessId": draw(st.none() | PIDS),
        "Image": draw(st.sampled_from([r"C:\Users\Public\x.exe", r"C:\Users\Public\y.exe"])),
        "SourceIp": draw(st.none() | st.sampled_from(ADDRESSES)),
        "TargetUserName": draw(st.none() | st.sampled_from(["ann", "bob"])),
    }
    return match(
        draw(st.sampled_from("abc")),
        draw(moments),
        draw(st.sampled_from(DEVICES)),
        draw(levels),
        position=draw(st.integers(1, 10**9)),
        **{name: value for name, value in subject.items() if value is not None},
    )


@st.composite
def started(draw: st.DrawFn) -> ProcessStart:
    """Return the start of one of few processes, its parent another of them."""
    return start(
        draw(st.none() | st.sampled_from(GUIDS)),
        draw(st.none() | st.sampled_from(GUIDS)),
        at=draw(moments | st.integers(0, 3).map(lambda seconds: seconds * SECOND)),
        pid=draw(PIDS),
        parent_pid=draw(st.none() | PIDS),
        device=draw(st.sampled_from(DEVICES)),
    )


steps = st.lists(st.tuples(st.lists(found(), max_size=2), st.lists(started(), max_size=2)), max_size=10)


def test_a_process_that_an_incident_has_nothing_to_do_with_is_no_reason_to_look_at_it_again() -> None:
    grouper = Grouper(is_kept=True)
    grouper.feed([match(ProcessGuid="g2")], [start("g2", "g1", pid=2, parent_pid=1)])
    assert len(grouper.settle()) == 1
    looked_at = []
    for other in (start("g4", "g3", pid=4, parent_pid=3), start("g5", "g2", pid=5, parent_pid=2, at=SECOND)):
        grouper.feed((), [other])
        looked_at.append((len(grouper.settle()), grouper.looked_at))
    assert looked_at == [(0, 0), (1, 1)], "what it started is told"


@settings(max_examples=100, deadline=None)
@given(steps)
def test_looking_after_each_change_tells_the_same_as_making_all_anew(steps: list[Step]) -> None:
    grown = Grouper(is_kept=True)
    told: dict[str, Incident] = {}
    for matches, starts in steps:
        grown.feed(matches, starts)
        for incident in grown.settle():
            for former in incident.aliases:
                told.pop(former, None)
            told[incident.id] = incident
    made = Grouper(is_kept=True)
    for matches, starts in steps:
        made.feed(matches, starts)
    anew = {incident.id: incident for incident in made.settle()}
    assert {name: _known(one) for name, one in told.items()} == {name: _known(one) for name, one in anew.items()}


@settings(max_examples=30, deadline=None)
@given(steps)
def test_what_is_settled_is_forgotten_whole(steps: list[Step]) -> None:
    grouper = Grouper(is_kept=True)
    for matches, starts in steps:
        grouper.feed(matches, starts)
        grouper.settle()
    records = {key for key, record in grouper.changes().items() if record is not None}
    late = match("late", 200 * HOUR, "ws9", position=1)
    grouper.feed([late])
    grouper.settle()
    gone = {key for key, record in grouper.changes().items() if record is None}
    assert {key for key in records if key[0] == "unit"} <= gone
    assert grouper.spread() == {"late": 1}


def test_processes_that_are_each_other_s_parents_have_one_top_whoever_is_asked_first() -> None:
    circle = [start("g4", "g4", at=MINUTE), start("g1", "g4", at=2 * MINUTE)]
    processes = Processes()
    for one in circle:
        processes.add(one)
    assert {Tops(processes).of(one) for one in circle} == {"g4"}
    tops = Tops(processes)
    assert [tops.of(one) for one in reversed(circle)] == ["g4", "g4"]


def test_an_incident_that_could_not_be_told_is_told_when_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    grouper = Grouper(is_kept=True)
    grouper.feed([match("a", level=Level.HIGH)])
    with monkeypatch.context() as patched:
        patched.setattr(room, "tell", _failing)
        assert grouper.settle() == []
    grouper.feed([match("b", device="ws2", level=Level.HIGH)])
    assert {incident.devices for incident in grouper.settle()} == {("ws1",), ("ws2",)}


def test_what_cannot_be_told_until_it_is_over_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    grouper = Grouper(is_kept=True)
    grouper.now = NOON
    grouper.feed([match("a", level=Level.HIGH)])
    monkeypatch.setattr(room, "tell", _failing)
    grouper.now = NOON + 72 * HOUR
    grouper.feed([match("b", 72 * HOUR, "ws2", level=Level.HIGH)])
    assert grouper.settle() == []
    monkeypatch.undo()
    grouper.now += HOUR
    grouper.feed([match("b", 73 * HOUR, "ws2", level=Level.HIGH)])
    assert {incident.devices for incident in grouper.settle()} == {("ws2",)}
    assert set(grouper.spread()) == {"b"}, "the one that nobody could be told of is over"


def test_where_too_much_is_open_room_is_made_for_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "UNITS_KEPT", 50)
    grouper = Grouper(is_kept=True)
    grouper.feed([match(f"r{number}", number * HOUR, f"ws{number}") for number in range(20)])
    grouper.feed([match(f"s{number}", HOUR, f"fs{number}") for number in range(40)])
    assert len(grouper.settle()) == 60
    assert sum(grouper.spread().values()) == 38, "a quarter below what may be open"
    assert grouper.looked_at == 60 + 60 // room.SWEPT, "what is only gone through is cheap"


def test_what_is_no_incident_makes_room_for_older_ones_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "UNITS_KEPT", 20)
    grouper = Grouper(is_kept=True)
    grouper.feed([match(f"r{number}", number * HOUR, f"ws{number}", level=Level.HIGH) for number in range(15)])
    grouper.feed([match(f"s{one}", 20 * HOUR, f"fs{one}", level=Level.INFORMATIONAL) for one in range(15)])
    grouper.settle()
    left = grouper.spread().keys()
    assert {f"r{number}" for number in range(15)} <= left
    assert len(left) == 15


def _failing(*_: object) -> Incident:
    raise MemoryError


def _known(incident: Incident) -> object:
    """Return what an incident says, but for the names it had on the way."""
    return replace(incident, aliases=())
