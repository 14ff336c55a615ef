"""Our own rules see every step of every attack, whatever things are called, and are not alarmed by ordinary days."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from carecordon.exercise.write import paths_of, write
from tests.exercise.playing import recording

SPANS = {"friday": Span(8.8, 9.6), "hands-on": Span(10.0, 17.0)}
WHOLE = os.environ.get("CARECORDON_WHOLE") == "1"
"""`make strangers` plays whole days, and ten quiet ones; here a few hours do."""


def scanned(played: Recording, folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return where the recording stands and the lines of its scan with our own rules."""
    out = folder / "events.jsonl"
    write(played, out)
    command = [sys.executable, "-m", "carecordon", "scan", str(out), "--json", "--devices", str(paths_of(out).devices)]
    done = subprocess.run(command, capture_output=True, check=False)
    return out, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("random_names", [False, True])
@pytest.mark.parametrize("name", sorted(SPANS))
def test_every_step_is_seen(name: str, random_names: bool, tmp_path: Path) -> None:
    out, lines = scanned(recording(name, span=SPANS[name], has_random_names=random_names), tmp_path)
    seen = {line["position"] for line in lines if line["type"] == "match"}
    seen |= {place["position"] for line in lines if line["type"] == "correlation" for place in line["matches"]}
    steps: dict[str, set[int]] = defaultdict(set)
    for line in paths_of(out).truth.read_text().splitlines():
        told = json.loads(line)
        steps[f"{told['step']} {told['name']}"].add(told["position"])
    assert len(steps) == len(all_scenarios()[name].steps)
    assert not [step for step, positions in steps.items() if seen.isdisjoint(positions)]


@pytest.mark.parametrize("name", sorted(SPANS))
def test_an_attack_is_one_incident_before_all_others(name: str, tmp_path: Path) -> None:
    """The worst incident holds most of what the attack did, and hardly anything else."""
    out, lines = scanned(recording(name, span=SPANS[name], has_random_names=True), tmp_path)
    truth = {json.loads(line)["position"] for line in paths_of(out).truth.read_text().splitlines()}
    worst, *others = [line for line in lines if line["type"] == "incident"]
    assert worst["level"] == "critical"
    assert not [one for one in others if one["level"] == "critical"]
    matched = {place["position"] for place in worst["matches"]}
    all_seen = {place["position"] for one in (worst, *others) for place in one["matches"]} & truth
    assert len(matched & truth) >= 0.9 * len(all_seen)
    assert len(matched - truth) <= 0.1 * len(matched)
    assert len(worst["story"]) <= 60


def test_ordinary_days_raise_no_alarm(tmp_path: Path) -> None:
    quiet = recording("quiet", days=10) if WHOLE else recording("quiet", span=Span(9.0, 13.0))
    _, lines = scanned(quiet, tmp_path)
    alarms = {line["title"] for line in lines if line["type"] in {"match", "correlation"} and line["level"] in LOUD}
    assert not alarms
    assert any(line["type"] == "match" for line in lines), "they look harmful, some of them"


LOUD = {"high", "critical"}
