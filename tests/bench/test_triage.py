"""The bench of triage: the bars that hold, on two seeds; how figures are drawn up; what a failing run says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from carecordon.bench import triage, triage_cost
from carecordon.bench.attack import Step, Told

HOLDING = {"steps", "foreign", "first_device_incidents", "incidents"}
WELL = Told({"1 entry": Step(10, 9)}, 100, 3, 5, 1, 1, 0, 2.0)


def test_attacks_are_told_by_one_incident() -> None:
    far: list[str] = []
    found = triage.measure(2, 2, quiet_seeds=0, on_done=far.append)
    assert far == [f"{name}: {seed} of 2 seeds" for name in triage.HOURS for seed in (1, 2)]
    for scenario in triage.HOURS:
        holds = found[scenario]["holds"]
        assert not [bar for bar in HOLDING if not holds[bar]], found[scenario]["beyond"]


def test_each_bar_is_held_against_the_worst() -> None:
    found = triage.figures({1: WELL, 2: WELL})
    assert all(found["holds"].values())
    assert found["beyond"] == {}
    assert found["events_per_step"] == {"1 entry": 0.9}
    badly = Told({"1 entry": Step(10, 8), "2 ruin": Step(3, 0)}, 100, 3, 6, 3, 2, 4, None)
    found = triage.figures({1: WELL, 2: badly})
    assert not any(found["holds"].values())
    assert found["beyond"]["foreign"] == [2]
    assert found["beyond"]["events_per_step"] == ["1 entry", "2 ruin"]
    assert found["seconds_to_first_match"] == {"median": 2.0, "worst": 2.0}


def test_an_alarm_on_an_ordinary_day_is_named() -> None:
    found = triage._quiet([[], ["seed 2: Odd service (high)"]])
    assert found["device_days"] == 80
    assert found["titles"] == ["seed 2: Odd service (high)"]
    assert not found["holds"]["incidents_high_or_critical"]
    assert triage._quiet([[]])["holds"]["incidents_high_or_critical"]


def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(ValueError, match="no scenario is called nonsense"):
        triage._run("exercise", "write", "nonsense", "--out", "nowhere")


def test_the_share_of_triage_is_that_of_a_real_scan(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    out = [sys.executable, "-m", "carecordon", "exercise", "write", "friday", "--from", "08:50", "--to", "09:10"]
    subprocess.run([*out, "--out", str(events)], check=True, capture_output=True)
    found = triage_cost.share(str(events))
    assert 0 < found["triage_share"] < 1
    assert found["incidents"] >= 1
    assert found["grouping_cpu_s"] + found["second_reading_and_story_cpu_s"] <= found["scan_cpu_s"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system tells no memory in /proc")
def test_memory_is_told_of_a_process_of_its_own() -> None:
    found = triage_cost._child("state", "20")
    assert 0 < found["starts_bytes"] <= found["bytes"]
    assert json.dumps(found)
