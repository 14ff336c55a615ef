"""Incidents held against the truth: a made-up recording of eight events, told well and told badly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from carecordon.bench.attack import Scanned, Step, held_against_truth, read_scanned
from tests.replacing import replace

SYSMON = "Microsoft-Windows-Sysmon/Operational"
COLUMNS = "incident,position\n"


def event(second: int, number: int, device: str = "ws1", channel: str = SYSMON, **fields: str) -> dict[str, Any]:
    moment = f"2026-11-20T09:00:{second:02}.500Z"
    return {"@timestamp": moment, "Channel": channel, "EventID": number, "Computer": device, **fields}


def started(second: int, guid: str, parent: str, device: str = "ws1", logon: str = "0x51") -> dict[str, Any]:
    return event(second, 1, device, ProcessGuid=guid, ParentProcessGuid=parent, LogonId=logon)


EVENTS = [
    event(0, 4624, channel="Security", TargetLogonId="0x51", SubjectLogonId="0x3e7"),  # 1: the logon it was done in
    started(1, "desktop", "winlogon"),  # 2: an ancestor
    started(2, "mail", "desktop"),  # 3: somebody else's child of the same desktop
    started(3, "tool", "desktop"),  # 4: attack, step 1
    event(5, 3, ProcessGuid="tool"),  # 5: attack, step 1
    event(6, 4624, "ws2", "Security", TargetLogonId="0x51"),  # 6: the same number on another device is another logon
    started(9, "copy", "services", "ws2", "0x3e7"),  # 7: attack, step 2
    event(9, 4624, channel="Security", TargetLogonId="0x99", SubjectLogonId="0x3e7"),  # 8: somebody else's logon
]
TRUTH = {
    4: {"position": 4, "step": 1, "name": "entry", "device": "ws1"},
    5: {"position": 5, "step": 1, "name": "entry", "device": "ws1"},
    7: {"position": 7, "step": 2, "name": "spread", "device": "ws2"},
}


def incident(name: str, level: str, *places: int) -> dict[str, Any]:
    return {"type": "incident", "id": name, "level": level, "matches": [{"position": place} for place in places]}


def scanned(*lines: dict[str, Any], **timeline: set[int]) -> Scanned:
    return Scanned(EVENTS, TRUTH, list(lines), timeline)


def test_what_led_to_an_attack_is_neither_the_attack_nor_foreign() -> None:
    told = held_against_truth(scanned(incident("a", "critical", 5, 7), a={1, 2, 3, 4, 5, 6, 7, 8}))
    assert (told.events, told.context, told.foreign) == (8, 2, 3)
    assert told.seconds == 2


def test_all_events_of_a_step_are_asked_for() -> None:
    match = {"type": "match", "position": 7}
    told = held_against_truth(scanned(incident("a", "high", 4), match, a={4}))
    assert told.steps == {"1 entry": Step(2, 1), "2 spread": Step(1, 0)}
    assert [step.share for step in told.steps.values()] == [0.5, 0.0]
    assert held_against_truth(scanned(incident("a", "high", 4), a={5})).steps["1 entry"] == Step(2, 2)


def test_incidents_of_the_attack_are_counted_by_level_and_on_its_first_device() -> None:
    two = [incident("a", "critical", 4), incident("b", "medium", 7), incident("c", "low", 5), incident("d", "high", 3)]
    told = held_against_truth(scanned(*two))
    assert (told.incidents, told.first_device_incidents, told.low_incidents) == (2, 1, 1)
    assert held_against_truth(scanned(*two, d={5})).first_device_incidents == 2


def test_an_attack_that_nothing_tells_is_told_so() -> None:
    told = held_against_truth(scanned())
    assert (told.events, told.incidents, told.seconds) == (0, 0, None)
    assert not any(step.told for step in told.steps.values())
    with pytest.raises(ValueError, match="no attack in this recording"):
        held_against_truth(replace(scanned(), truth={}))


def test_files_are_read_as_the_commands_write_them(tmp_path: Path) -> None:
    events, truth, timeline = (tmp_path / name for name in ("events", "truth", "timeline"))
    events.write_text("".join(json.dumps(one) + "\n" for one in EVENTS))
    truth.write_text("".join(json.dumps(one) + "\n" for one in TRUTH.values()))
    timeline.write_text(f"\ufeff{COLUMNS}a,4\na,5\nb,7\na,\n", "utf-8")
    read = read_scanned(events, truth, json.dumps(incident("a", "high", 4)).encode() + b"\n", timeline)
    assert read == scanned(incident("a", "high", 4), a={4, 5}, b={7})
