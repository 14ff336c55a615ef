"""What tests of a shard share: a hub's doors with a store in memory, a rule, batches, and what lies in stream 2."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from carecordon.hub.news import found as stream2
from carecordon.hub.news.found import Found, Trouble
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.shard import Doors, Shard
from carecordon.model.batch import Rows
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.model.match import Match
from carecordon.model.merged import Merged
from carecordon.model.stream import Part
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire import codec

SENDER = "5e" * 16
RULE = """
title: Bad word
id: 11111111-2222-4333-8444-555555555555
status: test
level: high
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: mischief}
  condition: selection
"""
CREATED = Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1)


@dataclass(slots=True)
class Shelf:
    """A store that keeps in memory what it is given, once a token, and that can be out of order."""

    kept: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    is_down: bool = False
    refuses: str | None = None

    def insert(self, merged: Merged, token: str) -> None:
        if self.is_down:
            raise ConnectionError("the shelf is away")
        lines = [merged.table.complete(row).get("CommandLine") for row in range(len(merged))]
        if self.refuses is not None and self.refuses in lines:
            raise TheirFault("never that one")
        self.kept.setdefault(token, [(merged.file(row), int(merged.sequence[row])) for row in range(len(merged))])

    def events(self) -> list[tuple[str, int]]:
        return sorted(event for part in self.kept.values() for event in part)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "bad.yml").write_text(RULE)
    cache = DiskCache(folder / "cache")
    return Detector(read_rulebook([folder / "bad.yml"], cache, own=False), cache)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    REGISTER.prepare(str(tmp_path / "register.db"))
    register = REGISTER.open_register(str(tmp_path / "register.db"))
    certificate = Certificate("ab" * 32, "01", 0, 10**18)
    register.devices.add(NewDevice(SENDER, "ward-7", "Windows", DeviceKind.AGENT, certificate), "test", 1)
    events, found = STREAM.open(str(tmp_path / "1.db"), 1), STREAM.open(str(tmp_path / "2.db"), 1)
    threads = ThreadPoolExecutor(1)
    yield Doors(events, found, register, Shelf(), Roster(register.devices), threads, lambda: 10**18)
    threads.shutdown()
    events.close()
    found.close()
    register.close()


def shelf(doors: Doors) -> Shelf:
    assert isinstance(doors.telemetry, Shelf)
    return doors.telemetry


def part(first: int, *lines: str, device: str = "ward-7") -> Part:
    """Return a batch of process starts with these command lines."""
    count = len(lines)
    fields: list[dict[str, Any]] = [{"CommandLine": line, "Image": "C:\\a.exe", "ProcessId": 7} for line in lines]
    rows = Rows([CREATED] * count, fields, [10**18 - 5] * count, [device] * count, [None] * count, list(range(count)))
    return Part(SENDER, 9, first, first + count - 1, codec.encode(gather(rows)))


def wide(first: int, names: int) -> Part:
    """Return a batch of one event with so many fields."""
    fields: list[dict[str, Any]] = [{f"x{number}": "v" for number in range(names)}]
    rows = Rows([CREATED], fields, [10**18 - 5], ["ward-7"], [None], [0])
    return Part(SENDER, 9, first, first, codec.encode(gather(rows)))


def told(doors: Doors) -> tuple[list[Match], list[Trouble]]:
    """Return everything that lies in stream 2."""
    words = [word for entry in doors.found.pull(0, 0, 1 << 30) for word in stream2.decode(entry.part.data)]
    matches = [match for word in words if isinstance(word, Found) for match in word.matches]
    return matches, [word for word in words if isinstance(word, Trouble)]


def run(shard: Shard, detector: Detector) -> None:
    while shard.turn(detector):
        pass
