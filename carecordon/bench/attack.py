"""What the incidents of a scan tell of an attack, held against the truth that the recording was written with.

An incident **holds** the events at its `matches` and those that the timeline lists under its
id; the **worst** is the first that the scan tells. Of a step's events in the truth it ought to
hold all.

Of the worst incident's events, those of the truth are the attack's. **Context** is what led
to it, though nobody did harm there: the start of a process that an event of the attack names
or of one of its ancestors (Sysmon 1, by process GUID), and the events of the Security log
about a logon (begun, ended, with special rights, with other credentials) that an event of
the attack names on the same device. All others are **foreign**, however near they stand.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from carecordon.pipeline.triage.subject import SESSIONS

GRAVE = frozenset({"medium", "high", "critical"})
STARTED = "Microsoft-Windows-Sysmon/Operational", 1
_GUIDS = ("ProcessGuid", "ParentProcessGuid", "SourceProcessGUID", "TargetProcessGUID")
_LOGONS = ("LogonId", "SubjectLogonId", "TargetLogonId")
_SERVICES = frozenset({"0x0", "0x3e7", "0x3e4", "0x3e5"})
"""Logons that every process of Windows' own has. Source: winnt.h."""

Line = dict[str, Any]


@dataclass(slots=True)
class Step:
    """A step's events in the truth: all, and those in the worst incident."""

    events: int = 0
    told: int = 0

    def add(self, other: Step) -> None:
        """Take in the same step of another recording."""
        self.events += other.events
        self.told += other.told

    @property
    def share(self) -> float:
        """Return the share of them that the worst incident holds."""
        return self.told / self.events if self.events else 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the incidents of one recording tell of its attack; `seconds` from its first event to the first match."""

    steps: dict[str, Step] = field(default_factory=dict)
    events: int = 0
    context: int = 0
    foreign: int = 0
    incidents: int = 0
    """Of level medium or above, with an event of the attack."""
    first_device_incidents: int = 0
    """The same, with one of the device whose event is the attack's first."""
    low_incidents: int = 0
    seconds: float | None = None


@dataclass(frozen=True)
class Scanned:
    """A recording, its truth, the lines of its scan, and the timeline's places by incident; positions count from 1."""

    events: list[Line]
    truth: dict[int, Line]
    lines: list[Line]
    timeline: Mapping[str, set[int]]

    @cached_property
    def incidents(self) -> list[Line]:
        """Return the lines of the incidents, the worst first."""
        return [line for line in self.lines if line["type"] == "incident"]

    def holds(self, incident: Line) -> set[int]:
        """Return where the events of an incident stand."""
        return _places(incident) | self.timeline.get(incident["id"], set())


def read_scanned(events: Path, truth: Path, lines: bytes, timeline: Path) -> Scanned:
    """Return what the files of one recording and of its scan hold."""
    told = (orjson.loads(line) for line in truth.read_bytes().splitlines())
    return Scanned(
        [orjson.loads(line) for line in events.read_bytes().splitlines()],
        {line["position"]: line for line in told},
        [orjson.loads(line) for line in lines.splitlines()],
        _timeline(timeline),
    )


def held_against_truth(scanned: Scanned) -> Told:
    """Return what the incidents tell of the attack. Raises ValueError where the recording holds none."""
    if not scanned.truth:
        raise ValueError("there is no attack in this recording: record more of the day")
    truth = scanned.truth
    worst = scanned.holds(scanned.incidents[0]) if scanned.incidents else set()
    others = worst - truth.keys()
    leads = _context(scanned, others)
    holding = [(one, scanned.holds(one) & truth.keys()) for one in scanned.incidents]
    grave = [held for one, held in holding if held and one["level"] in GRAVE]
    low = [held for one, held in holding if held and one["level"] not in GRAVE]
    first = truth[min(truth)]["device"]
    return Told(
        _steps(scanned, worst),
        len(worst),
        len(leads),
        len(others) - len(leads),
        len(grave),
        sum(any(truth[place]["device"] == first for place in held) for held in grave),
        len(low),
        _seconds(scanned),
    )


def _steps(scanned: Scanned, worst: set[int]) -> dict[str, Step]:
    steps: dict[str, Step] = defaultdict(Step)
    for place, line in scanned.truth.items():
        steps[f"{line['step']} {line['name']}"].add(Step(1, place in worst))
    return dict(steps)


def _seconds(scanned: Scanned) -> float | None:
    """Return event time from the attack's first event to the first of its events that the worst incident matched."""
    matched = _places(scanned.incidents[0]) & scanned.truth.keys() if scanned.incidents else set()
    if not matched:
        return None
    began, seen = (
        datetime.fromisoformat(_event(scanned, at)["@timestamp"]) for at in (min(scanned.truth), min(matched))
    )
    return (seen - began).total_seconds()


def _context(scanned: Scanned, places: Iterable[int]) -> set[int]:
    """Return which of these places lead to the attack."""
    attack = [_event(scanned, place) for place in scanned.truth]
    logons = {(event["Computer"], logon) for event in attack for logon in _logons(event)}
    above = _with_ancestors(scanned.events, {event[name] for event in attack for name in _GUIDS if name in event})
    return {place for place in places if _leads(_event(scanned, place), above, logons)}


def _leads(event: Line, above: set[str], logons: set[tuple[str, str]]) -> bool:
    if (event["Channel"], event["EventID"]) == STARTED:
        return event["ProcessGuid"] in above
    if event["Channel"] != "Security" or event["EventID"] not in SESSIONS:
        return False
    return any((event["Computer"], logon) in logons for logon in _logons(event))


def _logons(event: Line) -> set[str]:
    return {event[name] for name in _LOGONS if name in event} - _SERVICES


def _with_ancestors(events: Iterable[Line], guids: set[str]) -> set[str]:
    """Return these processes and all above them whose starts are recorded."""
    parents = {
        event["ProcessGuid"]: event["ParentProcessGuid"]
        for event in events
        if (event["Channel"], event["EventID"]) == STARTED
    }
    found: set[str] = set()
    for guid in guids:
        above: str | None = guid
        while above is not None and above not in found:
            found.add(above)
            above = parents.get(above)
    return found


def _event(scanned: Scanned, place: int) -> Line:
    return scanned.events[place - 1]


def _places(line: Line) -> set[int]:
    return {place["position"] for place in line["matches"]}


def _timeline(path: Path) -> dict[str, set[int]]:
    """Return where the events of each incident stand; the note on those left out has no place."""
    csv.field_size_limit(sys.maxsize)
    held: dict[str, set[int]] = defaultdict(set)
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["position"]:
                held[row["incident"]].add(int(row["position"]))
    return held
