"""`carecordon rules noise`: as a person and as a program reads it, and how it ends."""

from __future__ import annotations

from pathlib import Path

from tests.cli.calling import HOST, Call, failed_logon, put, whoami

OTHER = "ward4-pc.example.org"


def test_each_rule_is_told_with_its_rate_the_loudest_first(call: Call, rules: Path, tmp_path: Path) -> None:
    logons = [{**failed_logon(second), "Hostname": HOST} for second in range(3)]
    events = put(tmp_path / "a.jsonl", whoami(), whoami(1, Computer=OTHER), *logons)
    done = call("rules", "noise", events, "--no-own-rules", "--rules", rules, "--json")
    assert done.status == 0
    assert [(one["title"], one["level"], one["matches"], one["devices"], one["rate"]) for one in done.of("noise")] == [
        ("Failed logon", "low", 3, 1, 1.5),
        ("Whoami run", "high", 2, 2, 1.0),
        ("Three failed logons", "medium", 1, 1, 0.5),
    ]
    assert done.summary == {
        "type": "summary", "rules": 3, "matches": 6, "devices": 2, "device_days": 2.0, "partial": False,
    }  # fmt: skip
    told = call("rules", "noise", events, "--no-own-rules", "--rules", rules).text.splitlines()
    assert [" ".join(line.split()) for line in told][1:2] == [
        "1.000 a device and day 2 matches on 2 devices high Whoami run (11111111-0000-4000-8000-000000000001)"
    ]
    assert told[-1] == "3 rules matched, 6 times, on 2 devices seen for 2.0 device-days"


def test_days_are_those_between_a_device_s_first_and_last_event(call: Call, rules: Path, tmp_path: Path) -> None:
    events = put(tmp_path / "a.jsonl", whoami(), whoami(1, UtcTime="2026-11-24 09:00:00.123"))
    done = call("rules", "noise", events, "--no-own-rules", "--rules", rules, "--json")
    assert [(one["matches"], one["rate"]) for one in done.of("noise")] == [(2, 0.5)]
    assert done.summary["device_days"] == 4.0
    assert HOST not in done.text


def test_own_rules_are_the_default(call: Call, rules: Path, tmp_path: Path) -> None:
    cleared = {"Channel": "Security", "Provider_Name": "Microsoft-Windows-Eventlog", "EventID": 1102, "Computer": HOST}
    events = put(tmp_path / "a.jsonl", cleared)
    own = call("rules", "noise", events, "--json").of("noise")
    assert [one["title"] for one in own] == ["Security log cleared"]
    assert own[0]["file"].startswith("carecordon/rules/")
    assert call("rules", "noise", events, "--no-own-rules", "--rules", rules, "--json").of("noise") == []


def test_input_that_cannot_be_read_is_named_and_ends_with_three(call: Call, rules: Path, tmp_path: Path) -> None:
    events = put(tmp_path / "a.jsonl", whoami())
    args = ["rules", "noise", events, tmp_path / "gone.evtx", "--no-own-rules", "--rules", rules]
    done = call(*args)
    assert done.status == 3
    assert f"not read: {tmp_path / 'gone.evtx'}: " in done.text
    told = call(*args, "--json")
    assert (told.status, [one["kind"] for one in told.of("unseen")]) == (3, ["file"])


def test_wrong_usage_ends_with_two(call: Call, tmp_path: Path) -> None:
    assert call("rules", "noise").status == 2
    assert call("rules", "noise", tmp_path, "--rules", tmp_path / "gone").status == 2
