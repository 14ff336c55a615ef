"""A real keeper in a process of its own, for as long as a test needs it, and batches to give it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carecordon.hub.keeper.address import Address, Role, read_address
from carecordon.model.batch import Rows
from carecordon.model.event import Fields, Kind
from carecordon.model.gather import gather
from carecordon.model.merged import Merged
from carecordon.telemetry.answer import Ceiling
from carecordon.telemetry.backends.clickhouse import ClickHouseReader, ClickHouseTelemetry, Where
from carecordon.telemetry.store import DAY

SYSMON = "Microsoft-Windows-Sysmon/Operational"
PROCESS = Kind(SYSMON, "Microsoft-Windows-Sysmon", 1)
NOW = time.time_ns() // DAY * DAY + DAY // 2
"""Noon today: a store forgets what is a month old."""
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Keeping:
    """A keeper that runs: its folder and its process."""

    data: Path
    process: subprocess.Popen[str]

    @property
    def address(self) -> Address:
        return read_address(self.data / "run")

    def where(self, role: Role) -> Callable[[], Where]:
        def found() -> Where:
            address = self.address
            return Where("127.0.0.1", address.port, role.value, address.secret(role))

        return found

    def telemetry(self) -> ClickHouseTelemetry:
        return ClickHouseTelemetry(self.where(Role.WORKER))

    def reader(self, ceiling: Ceiling | None = None) -> ClickHouseReader:
        return ClickHouseReader(self.where(Role.READER), ceiling)


def start(data: Path) -> subprocess.Popen[str]:
    """Start a keeper and return it once it is ready."""
    data.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "carecordon.hub.keeper", str(data)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        process.kill()
        raise AssertionError(f"the keeper did not become ready: exit code {process.wait()}")
    return process


def stop(process: subprocess.Popen[str]) -> int:
    """End a keeper and return its exit code."""
    process.terminate()
    try:
        code = process.wait(30)
    finally:
        process.kill()
        process.communicate()
    return code


@contextmanager
def keeping(data: Path) -> Iterator[Keeping]:
    """Keep a keeper running."""
    process = start(data)
    try:
        yield Keeping(data, process)
    finally:
        stop(process)


def merged(
    events: Sequence[Fields],
    *,
    kinds: Sequence[Kind] | None = None,
    devices: Sequence[str | None] | None = None,
    times: Sequence[int | None] | None = None,
    first: int = 1,
    epoch: int = 7,
    received: int = NOW,
) -> Merged:
    """Return a merged batch of these events, one sender for each device."""
    total = len(events)
    devices = devices or ["ward-pc-1.example.org"] * total
    times = times or [NOW + number * SECOND for number in range(total)]
    rows = Rows(
        kinds=list(kinds or [PROCESS] * total),
        fields=[dict(one) for one in events],
        times=list(times),
        devices=list(devices),
        record_ids=[None] * total,
        positions=list(range(total)),
    )
    table = gather(rows)
    senders = tuple(f"d-{number}" for number in range(len(table.devices)))
    numbers = np.arange(first, first + total, dtype=np.int64)
    return Merged(
        table, senders, table.device, np.full(total, epoch, np.int64), numbers, np.full(total, received, np.int64)
    )
