"""What holds for every recording: the same again, in order, without gaps, and processes that hang together."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

import orjson
import pytest

from carecordon.exercise.boot import OWN_SERVICES, SERVER_SERVICES
from carecordon.exercise.life import Span
from carecordon.exercise.scenarios import all_scenarios
from carecordon.exercise.stage import Line
from carecordon.exercise.world import OLD_ADDRESS
from tests.exercise.playing import NAMES, SYSMON, Event, events, played, recording

ROOTS = {
    "System",
    "smss.exe",
    "wininit.exe",
    "services.exe",
    "winlogon.exe",
    "lsass.exe",
    "svchost.exe",
    "explorer.exe",
}
ALWAYS_UP = {image.rpartition("\\")[2] for up in (OWN_SERVICES, *SERVER_SERVICES.values()) for image in up.values()}


def test_every_scenario_is_looked_at_here() -> None:
    assert sorted(all_scenarios()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    assert _bytes(recording(name).lines()) == _bytes(played(name))


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_others(name: str) -> None:
    lines = recording(name, seed=4, span=Span(9.0, 9.2)).lines()
    assert _bytes(lines) != _bytes(recording(name, span=Span(9.0, 9.2)).lines())


def _bytes(lines: object) -> bytes:
    return orjson.dumps(list(lines))  # type: ignore[call-overload]  # any iterable of lines


@pytest.mark.parametrize("name", NAMES)
def test_events_stand_in_the_order_of_their_times(name: str) -> None:
    times = [event["@timestamp"] for event in events(name)]
    assert times == sorted(times)
    assert all(
        event["UtcTime"].replace(" ", "T") + "Z" == event["@timestamp"] for event in events(name) if "UtcTime" in event
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_log_counts_without_gaps(name: str) -> None:
    last: dict[tuple[str, str], int] = {}
    for event in events(name):
        log = event["Computer"], event["Channel"]
        number = event["EventRecordID"]
        assert number == last.get(log, number - 1) + 1, log
        last[log] = number


@pytest.mark.parametrize("name", NAMES)
def test_a_parent_was_started_before_or_has_been_up_since_boot(name: str) -> None:
    started: set[str] = set()
    for event in _of(name, 1):
        parent = event["ParentProcessGuid"]
        if parent not in started:
            image = event["ParentImage"].rpartition("\\")[2]
            assert image in ROOTS | ALWAYS_UP, event
            assert image == "System" or _second(parent) < _stage_start(name), event
        assert event["ProcessGuid"] not in started
        started.add(event["ProcessGuid"])


@pytest.mark.parametrize("name", NAMES)
def test_a_process_acts_between_its_start_and_its_end(name: str) -> None:
    started: dict[str, Event] = {}
    ended: set[str] = set()
    for event in events(name):
        if event["Channel"] != SYSMON:
            continue
        if event["EventID"] == 1:
            assert event["ParentProcessGuid"] not in ended, event
            started[event["ProcessGuid"]] = event
            continue
        guid = event.get("ProcessGuid") or event.get("SourceProcessGUID")
        assert guid not in ended, event
        if guid in started:
            assert event.get("Image", event.get("SourceImage")) == started[guid]["Image"]
            assert event.get("ProcessId", event.get("SourceProcessId")) == started[guid]["ProcessId"]
        else:
            assert _second(str(guid)) < _stage_start(name) or event["Image"] == "System", event
        if event["EventID"] == 5:
            ended.add(str(guid))


@pytest.mark.parametrize("name", NAMES)
def test_a_process_has_the_logon_of_somebody_who_logged_on(name: str) -> None:
    """Except for those who were there before: their logon's number says when, since it stands in the guid."""
    granted: dict[str, set[str]] = defaultdict(set)
    for event in events(name):
        if event["EventID"] == 4624:
            granted[event["Computer"]].add(event["TargetLogonId"])
        elif event["Channel"] == SYSMON and event["EventID"] == 1 and int(event["LogonId"], 16) > 0x3E7:
            known = event["LogonId"] in granted[event["Computer"]]
            assert known or _second(event["LogonGuid"]) < _stage_start(name), event


@pytest.mark.parametrize("name", NAMES)
def test_sysmon_fills_every_field(name: str) -> None:
    """An event of one kind has the same fields each time."""
    shapes: dict[tuple[str, int], set[frozenset[str]]] = defaultdict(set)
    for event in events(name):
        shapes[event["Channel"], event["EventID"]].add(frozenset(event))
        assert all(value is not None for value in event.values())
    assert all(len(found) == 1 for found in shapes.values()), {kind for kind, found in shapes.items() if len(found) > 1}


def test_the_old_machine_is_seen_only_as_an_address() -> None:
    text = orjson.dumps(events("friday")).decode()
    assert OLD_ADDRESS in text
    assert "xp01" not in text.lower()


@pytest.mark.parametrize("name", ["friday", "hands-on"])
def test_every_step_is_in_the_truth_with_each_of_its_techniques(name: str) -> None:
    found: dict[int, set[str]] = defaultdict(set)
    for _, mark in played(name):
        if mark is not None:
            found[mark.step] |= set(mark.techniques)
    assert found == {step.number: set(step.techniques) for step in all_scenarios()[name].steps}


def test_people_at_keyboards_may_take_three_days() -> None:
    lines = recording("hands-on", days=3, span=Span(9.0, 11.5)).lines()
    days: dict[int, set[str]] = defaultdict(set)
    for event, mark in lines:
        if mark is not None:
            days[mark.step].add(event["@timestamp"][8:10])
    assert set(days) == set(range(1, 14))
    assert (days[1], days[6], days[13]) == ({"16"}, {"16"}, {"18"})


def test_what_the_stolen_account_causes_is_in_the_truth() -> None:
    """From the first movement on, all that the administrator's account does comes from the first victim."""
    ruler = next(event["TargetUserName"] for event, mark in played("hands-on") if mark and event["EventID"] == 4776)
    moved = False
    for event, mark in played("hands-on"):
        moved = moved or (mark is not None and mark.step == 7)
        named = {str(event.get(name)).partition("@")[0] for name in ("TargetUserName", "SubjectUserName")}
        if moved and ruler in named and event["EventID"] in (4624, 4769, 4776, 5145):
            assert mark is not None, event
    assert moved


def test_quiet_days_hold_no_attack() -> None:
    assert not [mark for _, mark in played("quiet") if mark is not None]


def test_the_truth_never_stands_in_the_events() -> None:
    """An attack's events have the fields of their kind and no other."""
    ordinary = {frozenset(event) for event, mark in (*played("quiet"), *played("friday")) if mark is None}
    odd = {(event["EventID"]) for event, mark in played("friday") if mark and frozenset(event) not in ordinary}
    assert odd <= {4697}, "a kind that ordinary life does not have"


def test_friday_takes_ten_devices_and_more_within_half_an_hour() -> None:
    fallen = {event["Computer"]: event["@timestamp"] for event, mark in played("friday") if mark and mark.step == 2}
    assert 10 <= len(fallen) <= 25
    assert any("-rad-ws" in device for device in fallen)
    assert max(fallen.values())[:16] <= "2026-11-20T09:30"


def test_friday_counts_as_the_contract_says() -> None:
    by_step: dict[tuple[int, str], list[Event]] = defaultdict(list)
    for event, mark in played("friday"):
        if mark is not None:
            by_step[mark.step, event["Computer"]].append(event)
    knocked = {device for step, device in by_step if step == 1}
    assert len(knocked) >= 20
    for device in {device for step, device in by_step if step == 2}:
        assert len(by_step[9, device]) >= 200, "a hundred files, each written anew and deleted"
        outward = [event for event in by_step[5, device] if event.get("Initiated") == "true"]
        assert len({event["DestinationIp"] for event in outward}) >= 40
        assert len({event["TargetFilename"] for event in by_step[10, device]}) >= 16


def _of(name: str, event_id: int) -> list[Event]:
    return [event for event in events(name) if event["Channel"] == SYSMON and event["EventID"] == event_id]


def _second(guid: str) -> int:
    """Return the second that a process or logon began in: Sysmon writes it into the guid."""
    _, low, high, *_ = guid.strip("{}").split("-")
    return int(high + low, 16)


def _stage_start(name: str) -> int:
    first = all_scenarios()[name].start
    return int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())


def test_lines_come_one_by_one() -> None:
    """A recording of a year begins at once: nothing is gathered first."""
    lines = recording("quiet", days=365).lines()
    first: Line = next(lines)
    assert first[0]["@timestamp"].startswith("2026-11-16")
