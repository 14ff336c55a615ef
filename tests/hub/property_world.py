"""A small hospital for properties: its devices, the rules, and what happens in it, made from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from carecordon.hub.worker.detector import Detector
from carecordon.model.device import DeviceKind
from carecordon.model.event import Kind
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.stream.partition import partition_of

SECOND = 1_000_000_000
T0 = 1_790_000_000 * SECOND
PARTITIONS = 2
SYSMON = "Microsoft-Windows-Sysmon/Operational"
PROVIDER = "Microsoft-Windows-Sysmon"
STARTED, CONNECTED, WROTE = (Kind(SYSMON, PROVIDER, number) for number in (1, 3, 11))
SCRIPTED = Kind("Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell", 4104)


def _senders() -> dict[str, tuple[str, DeviceKind]]:
    """Return ids with name and kind, as many in one partition as in the other, the last a forwarder."""
    found: dict[str, tuple[str, DeviceKind]] = {}
    number = 0
    for place in range(6):
        while partition_of(f"{number:032x}", PARTITIONS) != place % PARTITIONS:
            number += 1
        kind = DeviceKind.FORWARDER if place == 5 else DeviceKind.AGENT
        found[f"{number:032x}"] = ("collector" if place == 5 else f"ward-{place}", kind)
        number += 1
    return found


SENDERS = _senders()
BEHIND = ("lab-1", "lab-2")
"""Machines whose events the forwarder passes on."""


def _rule(number: int, name: str, level: str, word: str, field: str = "CommandLine") -> str:
    return f"""
title: Rule {name}
name: {name}
id: {number:08d}-2222-4333-8444-555555555555
status: test
level: {level}
tags: [attack.t{1000 + number}]
logsource: {{product: windows}}
detection:
  selection: {{{field}|contains: {word}}}
  condition: selection
"""


def _correlation(number: int, name: str, what: str) -> str:
    return f"""
title: Rule {name}
name: {name}
id: {number:08d}-2222-4333-8444-555555555555
status: test
level: high
correlation:
{what}
"""


RULES = (
    _rule(1, "base", "low", "mischief"),
    _rule(2, "knock", "medium", "knock"),
    _rule(3, "enter", "medium", "enter"),
    _rule(4, "ransom", "high", "ransom"),
    _rule(5, "grave", "critical", "gravest"),
    _rule(6, "loot", "medium", "loot", "TargetFilename"),
    _rule(7, "far", "medium", "203.0.113.", "SourceIp"),
    _rule(8, "note", "informational", "whoami"),
    _rule(9, "malice", "medium", "mischi"),
    _correlation(
        20,
        "many",
        "  type: event_count\n  rules: [base]\n  group-by: [User]\n  timespan: 2m\n  condition: {gte: 3}",
    ),
    _correlation(
        21,
        "break-in",
        "  type: temporal_ordered\n  rules: [knock, enter]\n  group-by: [Computer]\n  timespan: 5m\n  generate: true",
    ),
    _correlation(
        22,
        "wide",
        "  type: value_count\n  rules: [knock]\n  group-by: [User]\n  timespan: 3m\n"
        "  condition: {field: Computer, gte: 2}",
    ),
    _correlation(
        23,
        "malign",
        "  type: value_count\n  rules: [malice]\n  group-by: [Computer]\n  timespan: 2m\n"
        "  condition: {field: CommandLine, gte: 4}",
    ),
    _correlation(
        24,
        "and-then",
        "  type: temporal_ordered\n  rules: [many, enter]\n  group-by: [User]\n  timespan: 5m\n  generate: true",
    ),
    _correlation(
        25,
        "pair",
        "  type: event_count\n  rules: [knock]\n  group-by: [Computer]\n  timespan: 1m\n  condition: {eq: 2}",
    ),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a device, as its agent sends it."""

    sender: str
    device: str
    kind: Kind
    time: int
    record_id: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """`rounds`: for each the moment it begins, and what each sender tells in it, in its order."""

    rounds: list[tuple[int, dict[str, list[Event]]]]


ROUND_S = 40
"""How long the events of a round last."""
WORDS = ("quiet", "mischief", "knock", "enter", "whoami", "ransom", "gravest")
WEIGHTS = (45, 15, 6, 6, 8, 3, 1)
PLOTS = (("mischief",) * 3, ("mischief",) * 4, ("knock", "enter"), ("knock", "quiet", "enter"), ("knock", "knock"))


def world(seed: int, rounds: int = 2, events: int = 4, plots: int = 2, begin: int = T0) -> World:
    """Return what happens with this seed from `begin` on: events of each round, and plots that correlations are for."""
    rng = Random(seed)
    said = SCRIPTED if seed % 3 == 2 else STARTED  # there are hospitals in which nobody logs the start of a process
    made = []
    record = 0
    for _ in range(rounds):
        drawn: list[tuple[str, str | None, str]] = [(rng.choice(list(SENDERS)), None, "") for _ in range(events)]
        for _ in range(plots):
            sender, user = rng.choice(list(SENDERS)), rng.choice(("EXAMPLE\\cleo", "EXAMPLE\\dora", ""))
            drawn += [(sender, word, user) for word in rng.choice(PLOTS)]
        told: dict[str, list[Event]] = {sender: [] for sender in SENDERS}
        for sender, word, user in drawn:
            record += 1
            moment = begin + rng.randrange(ROUND_S) * SECOND
            told[sender].append(_event(rng, sender, moment, record, (said, word, user)))
        for own in told.values():
            # Logs are nearly in order.
            own.sort(key=lambda one: one.time + rng.randrange(4) * SECOND)
        made.append((begin, told))
        begin += rng.choice((90, 150, 400)) * SECOND
    return World(made)


def _event(rng: Random, sender: str, time: int, record: int, plot: tuple[Kind, str | None, str]) -> Event:
    """Return an event; `plot`: how its command line is told, what it says (None: anything), by whom ('' anybody)."""
    said, word, user = plot
    name, kind = SENDERS[sender]
    device = name if kind is DeviceKind.AGENT else rng.choice(BEHIND)
    number = rng.randrange(1, 5)
    own = f"C:\\Temp\\p{number}-{device}.exe"
    image = rng.choice((own, own, own, "C:\\Windows\\System32\\cmd.exe", f"C:\\Temp\\p{number}.exe"))
    anybody = rng.choice(("EXAMPLE\\anna", "example\\ANNA")) if rng.random() < 0.15 else f"{device}\\local"
    fields: dict[str, Any] = {"Image": image, "ProcessId": 1000 + number, "User": user or anybody}
    if rng.random() < 0.7:
        fields["ProcessGuid"] = f"{{{device}-{number}}}"
    draw = 1.0 if word else rng.random()
    if draw < 0.15:
        fields |= {"TargetFilename": f"C:\\Temp\\{rng.choice(('loot', 'plain'))}{number}-{device}.zip"}
        return Event(sender, device, WROTE, time, record, fields)
    if draw < 0.3:
        fields |= {"SourceIp": f"{rng.choice(('203.0.113', '192.0.2'))}.{number}", "Initiated": "false"}
        return Event(sender, device, CONNECTED, time, record, fields)
    parent = rng.randrange(0, number)
    fields |= {"CommandLine": f"{word or rng.choices(WORDS, WEIGHTS)[0]} {record}", "ParentProcessId": 1000 + parent}
    if parent and "ProcessGuid" in fields:
        fields["ParentProcessGuid"] = f"{{{device}-{parent}}}"
    if rng.random() < 0.1:
        fields["Hashes"] = f"SHA256={number:064X}"
    return Event(sender, device, said, time, record, fields)


def detector_of(folder: Path) -> Detector:
    """Return the rules, ready."""
    folder.mkdir()
    for number, text in enumerate(RULES):
        (folder / f"{number:02d}.yml").write_text(text)
    cache = DiskCache(folder / "cache")
    return Detector(read_rulebook(sorted(folder.glob("*.yml")), cache, own=False), cache)
