"""What triage costs: its share of a scan's processor time, and the memory of a day of 10,000 devices.

`carecordon bench triage` runs this module once a figure (`python -m carecordon.bench.triage_cost
FIGURE ARGUMENT`), so that each has a process of its own, warmed up by nothing but itself.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from carecordon.model.match import Level, Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.subject import start_of, subject_fields
from carecordon.report import story
from carecordon.report.story.catalogue import words_of
from carecordon.scan.run import Progress, Scan
from carecordon.scan.worker import Setup

CATALOGUE = "words.toml"
DEVICES = 10_000
STARTS = 300
"""Process starts of a device in a day: more than the busiest of the exercise world has (228, `hands-on`, seed 1)."""
BATCH = 500
MATCHES = 1
"""Matches of a device in a day."""
DAY_NS = 24 * 3600 * 1_000_000_000
NOON = 1_795_262_400_000_000_000
SHARE, STATE_BYTES = 0.1, 300_000_000
RUNS = 3
_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def measure(events: Path | None) -> dict[str, Any]:
    """Return the figures; the share only where an event file is given. Raises OSError, ValueError if a run fails."""
    state = _child("state", str(DEVICES))
    found: dict[str, Any] = {f"state_{DEVICES}_devices_bytes": state["bytes"]}
    found |= {"state_of_starts_bytes": state["starts_bytes"], "starts_forgotten": state["forgotten"]}
    holds = {"state": found[f"state_{DEVICES}_devices_bytes"] <= STATE_BYTES}
    if events is not None:
        runs = [_child("share", str(events)) for _ in range(RUNS)]
        found |= min(runs, key=lambda run: float(run["scan_cpu_s"]))
        holds["triage_share"] = found["triage_share"] <= SHARE
    return {**found, "holds": holds}


def _child(figure: str, argument: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "carecordon.bench.triage_cost", figure, argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own module
    if done.returncode:
        raise ValueError(f"measuring {figure} failed: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass(slots=True)
class _Marks:
    """Processor time at the ends of a scan's parts, told by what it reports on its way."""

    detected: float = 0.0
    grouped: float = 0.0

    def progress(self, _: Progress) -> None:
        self.detected = time.process_time()

    def stage(self, _: str) -> None:
        self.grouped = time.process_time()


def share(events: str) -> dict[str, Any]:
    """Return seconds of processor time of a scan with our own rules on one core, and triage's share of them.

    Detection ends with the last block's answer. Grouping is what follows until the second
    reading begins (with it, what could not be seen is put together); then events are read
    again and stories told.
    """
    cache, marks = DiskCache(), _Marks()
    words = words_of((resources.files(story) / CATALOGUE).read_text("utf-8"), CATALOGUE)
    setup = Setup(read_rulebook((), cache).rules, cache)
    scan = Scan(setup, (), 1, words, on_progress=marks.progress, on_stage=marks.stage)
    began = time.process_time()
    result = scan.run([events])
    ended = time.process_time()
    grouped = marks.grouped or ended
    return {
        "triage_share": round((grouped - marks.detected) / (ended - began), 4),
        "second_reading_and_story_share": round((ended - grouped) / (ended - began), 4),
        "scan_cpu_s": round(ended - began, 2),
        "grouping_cpu_s": round(grouped - marks.detected, 2),
        "second_reading_and_story_cpu_s": round(ended - grouped, 2),
        "matches": sum(1 for _ in result.findings),
        "incidents": len(result.cases),
    }


def state(devices: str) -> dict[str, Any]:
    """Return by how many bytes this process grows while grouping keeps a day of so many devices, records written.

    Devices report side by side, as they do: BATCH starts come at a time, of as many devices.
    """
    grouper = Grouper(is_kept=True)
    grouper.changes()
    before = _resident()
    for turn in range(STARTS):
        for first in range(0, int(devices), BATCH):
            grouper.feed(starts=[_start(number, turn) for number in range(first, min(int(devices), first + BATCH))])
            grouper.changes()
    with_starts = _resident()
    for number in range(int(devices)):
        grouper.feed([_match(number, turn) for turn in range(MATCHES)])
    grouper.settle()
    grouper.changes()
    forgotten = grouper.processes.forgotten
    return {"bytes": _resident() - before, "starts_bytes": with_starts - before, "forgotten": forgotten}


def _start(number: int, turn: int) -> ProcessStart:
    """Return a start as a decoded stream brings it: texts of its own; each process starts three, of 60 programs."""
    parent, folder = max(turn // 3 - 1, 0), "C:\\Program Files\\Example Suite"
    fields = {
        "ProcessGuid": f"{{{number:08x}-591f-6aee-{turn:04x}-000000001500}}",
        "ProcessId": str(4 + turn * 4),
        "ParentProcessGuid": f"{{{number:08x}-591f-6aee-{parent:04x}-000000001500}}",
        "ParentProcessId": str(4 + parent * 4),
        "Image": f"{folder}\\program{turn % 60}.exe",
        "ParentImage": f"{folder}\\program{parent % 60}.exe",
        "CommandLine": f'"{folder}\\program{turn % 60}.exe" --open "Letter {number}-{turn}.docx"',
        "User": f"WPH\\user{number}",
        "LogonId": f"0x{0x10000 + number:x}",
    }
    return start_of(fields, _SYSMON, 1, f"device-{number}.example.org", NOON + turn * DAY_NS // STARTS, turn)


def _match(number: int, turn: int) -> Match:
    rule = RuleHead("made-up", "A made-up rule", Level.LOW, ("T1059",), "made-up.yml", 1)
    place = STARTS // 2 + turn
    start = _start(number, place)
    fields = {"ProcessGuid": start.guid, "Image": start.image, "CommandLine": start.command_line, "User": start.account}
    return Match(rule, "stream", place, place, start.time, start.device, _SYSMON, 1, {}, {}, subject_fields(fields))


def _resident() -> int:
    """Return the memory this process holds. Raises OSError where the system does not tell in /proc."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


FIGURES: dict[str, Callable[[str], dict[str, Any]]] = {"share": share, "state": state}


def main() -> None:
    """Measure one figure in this process and print it as JSON."""
    figure, argument = sys.argv[1:]
    sys.stdout.write(json.dumps(FIGURES[figure](argument)))


if __name__ == "__main__":
    main()
