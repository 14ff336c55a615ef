"""Matches become incidents by what ties them, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.incident import Incident
from carecordon.model.match import CorrelationMatch, Level, Match
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.group import Grouper
from tests.pipeline.triage.grouping import HOUR, MINUTE, NOON, SECOND, grouped, match, rule, start
from tests.replacing import replace

EXPLORER = r"C:\Windows\explorer.exe"
TOOL = r"C:\Users\Public\tool.exe"
LOW = Level.LOW


def sizes(incidents: list[Incident]) -> list[int]:
    return sorted(len(incident.places) for incident in incidents)


def test_a_process_and_its_grandchild_are_one_though_nothing_matched_between() -> None:
    tree = [start("a-1"), start("b-1", "a-1", at=SECOND), start("c-1", "b-1", at=2 * SECOND)]
    first = match("a", 0, level=LOW, ProcessGuid="{A-1}", Image=TOOL)
    second = match("b", 3 * HOUR, level=LOW, ProcessGuid="{C-1}", Image=r"C:\Users\Public\other.exe")
    (incident,) = grouped(*tree, first, second)
    assert [(process.key, process.is_context) for process in incident.processes] == [
        ("ws1|a-1", False),
        ("ws1|b-1", True),
        ("ws1|c-1", False),
    ]
    assert len(grouped(first, second)) == 2


def test_what_explorer_starts_has_nothing_in_common_by_that() -> None:
    tree = [start("e-1", image=EXPLORER), start("a-1", "e-1", at=1), start("b-1", "e-1", at=2)]
    found = [match("a", 0, level=LOW, ProcessGuid="a-1"), match("b", HOUR, level=LOW, ProcessGuid="b-1")]
    incidents = grouped(*tree, *found)
    assert sizes(incidents) == [1, 1]
    assert next(process.image for process in incidents[0].processes) == EXPLORER, "it is shown as what came before"


def test_a_program_that_only_bears_explorers_name_ties() -> None:
    tree = [start("e-1", image=r"C:\Users\Public\explorer.exe"), start("a-1", "e-1", at=1), start("b-1", "e-1", at=2)]
    found = [match("a", 0, level=LOW, ProcessGuid="a-1"), match("b", HOUR, level=LOW, ProcessGuid="b-1")]
    assert sizes(grouped(*tree, *found)) == [2]


def test_process_ids_are_told_apart_by_time() -> None:
    """Process 700 ends, and its id goes to another: only the second one is the child's parent."""
    tree = [
        start(pid=700, image=TOOL),
        start(pid=700, image=r"C:\Users\Public\other.exe", at=2 * HOUR),
        start(pid=712, parent_pid=700, at=2 * HOUR + MINUTE),
    ]
    early = match("a", MINUTE, level=LOW, ProcessId=700, Image=TOOL)
    late = match("b", 2 * HOUR + 2 * MINUTE, level=LOW, ProcessId="0x2c8")
    assert sizes(grouped(*tree, early, late)) == [1, 1]
    between = match("c", 2 * HOUR + MINUTE, level=LOW, ProcessId=700)
    assert sizes(grouped(*tree, early, late, between)) == [1, 2]


def test_a_logon_ties_for_an_hour() -> None:
    found = [match("a", 0, level=LOW, LogonId="0x5AB3"), match("b", 50 * MINUTE, level=LOW, LogonId="0x5ab3")]
    assert sizes(grouped(*found)) == [2]
    assert sizes(grouped(found[0], replace(found[1], time=NOON + 2 * HOUR))) == [1, 1]
    system = [match("a", 0, level=LOW, LogonId="0x3e7"), match("b", MINUTE, level=LOW, LogonId="0x3e7")]
    assert sizes(grouped(*system)) == [1, 1]


def test_time_ties_on_one_device_only() -> None:
    here = [match("a", 0), match("b", MINUTE)]
    assert sizes(grouped(*here)) == [2]
    assert sizes(grouped(here[0], replace(here[1], device="ws2"))) == [1, 1]
    assert sizes(grouped(here[0], replace(here[1], time=NOON + HOUR))) == [1, 1]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"IpAddress": "192.0.2.7"}, {"SourceIp": "192.0.2.7", "Initiated": "false"}),
        ({"User": r"WPH\it.lane"}, {"TargetUserName": "it.lane", "TargetDomainName": "wph.example.org"}),
        ({"Hashes": "MD5=0A,SHA256=FE01", "Image": TOOL}, {"Hashes": "SHA256=fe01", "Image": r"C:\p.exe"}),
        ({"TargetFilename": r"C:\Windows\qx.exe"}, {"Image": r"C:\Windows\QX.exe"}),
        ({"ServiceName": "qx1"}, {"ServiceName": "QX1"}),
    ],
)
def test_what_two_devices_have_in_common_ties_them(here: dict[str, Any], there: dict[str, Any]) -> None:
    pair = [match("a", 0, **here), match("b", HOUR, "ws2", **there)]
    (incident,) = grouped(*pair)
    assert incident.devices == ("ws1", "ws2")
    assert len(incident.links) >= 1
    weak = [match("a", 0, level=LOW, **here), match("b", HOUR, "ws2", level=LOW, **there)]
    assert sizes(grouped(*weak)) == [1, 1], "matches of level low tie no devices"
    assert sizes(grouped(pair[0], replace(pair[1], time=NOON + 30 * HOUR))) == [1, 1]


@pytest.mark.parametrize(
    "both",
    [
        {"IpAddress": "127.0.0.1"},
        {"IpAddress": "::1"},
        {"User": r"NT AUTHORITY\SYSTEM"},
        {"SubjectUserName": "WPH-DC01$", "SubjectDomainName": "WPH"},
        {"Image": r"C:\Windows\System32\cmd.exe", "Hashes": "SHA256=AA"},
        {"TargetFilename": r"C:\Users\anyone\Desktop\desktop.ini"},
    ],
)
def test_what_every_device_has_ties_nothing(both: dict[str, Any]) -> None:
    assert sizes(grouped(match("a", 0, **both), match("b", HOUR, "ws2", **both))) == [1, 1]


def test_a_local_account_is_another_on_another_device() -> None:
    found = [match("a", 0, User=r"WS1\admin"), match("b", HOUR, "ws2", User=r"WS2\admin")]
    assert sizes(grouped(*found)) == [1, 1]


def test_matches_of_no_weight_are_no_incident_but_take_part_in_one() -> None:
    note = match("n", 0, level=Level.INFORMATIONAL, ProcessGuid="a-1", Image=TOOL)
    assert grouped(note) == []
    (incident,) = grouped(note, match("a", MINUTE, level=LOW, ProcessGuid="a-1", Image=TOOL))
    assert [alert.rule.id for alert in incident.alerts] == ["n", "a"]


def test_the_same_event_in_two_files_counts_once_and_tells_both_places() -> None:
    one = match("a", 0)
    (incident,) = grouped(one, replace(one, file="copy", position=9))
    assert [alert.count for alert in incident.alerts] == [1]
    assert [(place.file, place.position) for place in incident.places] == [("copy", 9), ("log", 1)]


def test_alike_matches_of_one_process_are_one_alert() -> None:
    found = [match("a", number * HOUR, ProcessGuid="a-1", Image=TOOL) for number in range(5)]
    (incident,) = grouped(*found)
    (alert,) = incident.alerts
    assert (alert.count, alert.first, alert.last) == (5, NOON, NOON + 4 * HOUR)
    assert alert.sample == found[0]


def test_an_earlier_match_gives_a_new_id_and_the_former_one_resolves() -> None:
    grouper = Grouper()
    grouper.feed([match("b", MINUTE)])
    (before,) = grouper.settle()
    grouper.feed([match("a", 0)])
    (after,) = grouper.settle()
    assert after.id != before.id
    assert after.aliases == (before.id,)
    assert grouper.settle() == [], "what has not changed is not told again"


def test_two_incidents_that_merge_keep_both_ids() -> None:
    grouper = Grouper()
    grouper.feed([match("a", 0, User="it.lane"), match("b", HOUR, "ws2")])
    first, second = sorted(grouper.settle(), key=lambda incident: incident.first)
    grouper.feed([match("c", HOUR + MINUTE, "ws2", User="it.lane")])
    (merged,) = grouper.settle()
    assert merged.id == first.id
    assert merged.aliases == (second.id,)


def test_incidents_two_days_old_are_settled_and_forgotten() -> None:
    grouper = Grouper()
    grouper.feed([match("a", 0, User="it.lane")])
    grouper.settle()
    grouper.feed([match("b", 72 * HOUR, "ws2")])
    assert len(grouper.settle()) == 1
    grouper.feed([match("c", HOUR, "ws3", User="it.lane")])
    (late,) = grouper.settle()
    assert late.is_late
    assert late.devices == ("ws3",)


def test_a_low_match_joins_by_the_file_it_names_on_its_own_device() -> None:
    grave = match("a", 0, TargetFilename=r"C:\ProgramData\qx.exe")
    task = match("b", 5 * HOUR, level=LOW, ActionName=r"C:\ProgramData\qx.exe")
    assert sizes(grouped(grave, task)) == [2]
    assert sizes(grouped(grave, replace(task, device="ws2"))) == [1, 1]


def test_a_correlation_ties_to_what_is_grave_within_the_minute() -> None:
    """One address knocks at two devices; on one of them a match of level high follows 20 seconds later."""

    def knocked(level: Level, at: int) -> list[int]:
        grouper = Grouper(frozenset({"knock"}))
        knocks = [
            match("knock", 0, device, Level.INFORMATIONAL, silent=True, position=place)
            for place, device in enumerate(("ws1", "ws2"), 1)
        ]
        chain = CorrelationMatch(rule("many"), {}, 2, NOON, NOON, (("log", 1), ("log", 2)))
        grouper.feed([*knocks, match("a", at, "ws2", level, position=99)], correlations=[chain])
        return sizes(grouper.settle())

    assert knocked(Level.HIGH, 20 * SECOND) == [3]
    assert knocked(Level.HIGH, 3 * MINUTE) == [1, 2]
    assert knocked(Level.MEDIUM, 20 * SECOND) == [1, 2]


def test_a_correlation_joins_the_incident_of_its_events() -> None:
    grouper = Grouper(frozenset({"base"}))
    base = [
        match("base", number * SECOND, level=Level.INFORMATIONAL, silent=True, ProcessGuid="a-1", position=number + 1)
        for number in range(4)
    ]
    chain = CorrelationMatch(rule("fan", Level.HIGH), {}, 4, NOON, NOON + 3 * SECOND, tuple(("log", n) for n in (1, 2)))
    grouper.feed([*base, match("a", HOUR, ProcessGuid="a-1", position=99)], correlations=[chain])
    (incident,) = grouper.settle()
    assert incident.title == "Rule fan"
    assert [(one.rule.id, one.count) for one in incident.chains] == [("fan", 4)]
    assert [alert.rule.id for alert in incident.alerts] == ["a"]
    assert incident.first == NOON


def test_matches_without_a_time_are_told_as_unseen() -> None:
    grouper = Grouper()
    grouper.feed([replace(match(), time=None)])
    assert grouper.settle() == []
    assert [spot.count for spot in grouper.unseen()] == [1]


PROCESSES = st.sampled_from(["a-1", "b-1", "c-1", "d-1"])
MATCHES = st.builds(
    lambda rule_level, at, device, **subject: match(rule_level.value, at, device, rule_level, **subject),
    st.sampled_from(list(Level)),
    st.integers(0, 24 * 60).map(lambda minutes: minutes * MINUTE),
    st.sampled_from(["ws1", "ws2", "ws3"]),
    ProcessGuid=PROCESSES,
    ProcessId=st.integers(1, 4),
    Image=st.sampled_from([TOOL, r"C:\Windows\System32\cmd.exe", r"C:\TEMP\Tool.exe"]),
    User=st.sampled_from(["", r"WPH\it.lane", r"wph\IT.Lane", "SYSTEM"]),
    IpAddress=st.sampled_from(["", "192.0.2.1", "192.0.2.2"]),
)
STARTS = st.builds(
    start,
    st.one_of(st.none(), PROCESSES),
    st.one_of(st.none(), PROCESSES),
    st.sampled_from([TOOL, EXPLORER]),
    st.integers(0, 24 * 60).map(lambda minutes: minutes * MINUTE),
    pid=st.integers(1, 4),
    parent_pid=st.integers(1, 4),
    device=st.sampled_from(["ws1", "ws2"]),
)


@given(st.lists(st.one_of(MATCHES, STARTS), max_size=25), st.data())
def test_the_order_of_arrival_does_not_matter(found: list[Match | ProcessStart], data: st.DataObject) -> None:
    """Fed in any order and in any pieces, a day's matches and processes give the same incidents."""
    found = [replace(one, position=place) for place, one in enumerate(found, 1)]
    in_order = sorted(found, key=lambda one: one.time or 0)
    expected = grouped(*in_order)
    grouper = Grouper()
    told: dict[str, Incident] = {}
    shuffled = data.draw(st.permutations(found))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        piece, shuffled = shuffled[:size], shuffled[size:]
        grouper.feed(
            [one for one in piece if isinstance(one, Match)], [one for one in piece if isinstance(one, ProcessStart)]
        )
        for incident in grouper.settle():
            for former in incident.aliases:
                told.pop(former, None)
            told[incident.id] = incident
    plain = {incident.id: replace(incident, aliases=()) for incident in told.values()}
    assert plain == {incident.id: replace(incident, aliases=()) for incident in expected}
