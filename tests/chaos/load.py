"""What a hub under chaos has to carry: a fleet that tells an ordinary morning, and plants what must be found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from carecordon.exercise.fleet.faults import Faults
from carecordon.exercise.fleet.fleet import Fleet, FleetConfig, names_for
from carecordon.exercise.fleet.member import Planted
from carecordon.exercise.fleet.pattern import Tape, tape_of
from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from tests.chaos.trust import Trust

RULE = "0bb8fec1-a31e-4937-b3cf-b8be588559cc"
"""The rule of ours that finds what is planted (shadow copies deleted, critical)."""
SYSMON = "Microsoft-Windows-Sysmon/Operational"
SETTLE_S = 120.0


@cache
def tape(seed: int) -> Tape:
    """Return half an hour of a quiet morning."""
    return tape_of(Recording(all_scenarios()["quiet"], seed, span=Span(9.0, 9.5)))


def deletion(number: int) -> dict[str, Any]:
    """Return an event that RULE finds, in a process of its own."""
    return {
        "Channel": SYSMON,
        "Provider_Name": "Microsoft-Windows-Sysmon",
        "EventID": 1,
        "Image": "C:\\Windows\\System32\\vssadmin.exe",
        "CommandLine": "vssadmin delete shadows /all /quiet",
        "ProcessGuid": f"{{c4a05000-0000-0000-0000-{number:012x}}}",
        "ProcessId": 4 * number + 1_000,
        "User": "WPH\\chaos",
    }


@dataclass
class Played:
    """What a fleet did: where its account lies, what it planted, and how fast it was while it was disturbed."""

    ledger: Path
    planted: list[Planted] = field(default_factory=list)
    written: int = 0
    """Events told while it was disturbed, in `seconds`."""
    acknowledged: int = 0
    seconds: float = 0.0
    sessions: int = 0
    worst_ack_ms: float = 0.0

    @property
    def events_per_s(self) -> float:
        """Return how many events were told a second."""
        return self.written / max(self.seconds, 1e-9)


@dataclass
class Load:
    """How a fleet is to play."""

    devices: int = 60
    events_per_s: float = 3_200.0
    seed: int = 1
    faults: Faults = field(default_factory=Faults)
    plants_per_s: float = 2.0
    warm: bool = True
    spools: Path | None = None
    settle_s: float = SETTLE_S
    on_fleet: Callable[[Fleet], None] = lambda _: None


async def play(trust: Trust, folder: Path, load: Load, disturb: Callable[[Fleet], Awaitable[None]]) -> Played:
    """Let a fleet play while `disturb` does its worst, then until everything is acknowledged."""
    story = tape(load.seed)
    played = Played(folder / "ledger")
    config = FleetConfig(
        (story,), load.events_per_s, seed=load.seed, ledger=played.ledger, faults=load.faults, spools=load.spools
    )
    identities = trust.identities(folder / "devices", names_for((story,), load.devices))
    async with Fleet(config, identities) as fleet:
        load.on_fleet(fleet)
        await fleet.connect(within_s=60.0)
        telling = asyncio.ensure_future(_tell(fleet, played))
        planting = asyncio.ensure_future(_plant(fleet, played, load.plants_per_s))
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await disturb(fleet)
        finally:
            played.seconds = loop.time() - began
            played.written = fleet.written_total
            for task in (planting, telling):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        for name in ("drop_per_s", "garbage", "reorder", "duplicate", "delay_s"):
            setattr(fleet.faults, name, 0.0)
        await fleet.settle(load.settle_s)
        played.acknowledged, played.sessions = fleet.acknowledged_total, fleet.sessions_total
    return played


async def _tell(fleet: Fleet, played: Played) -> None:
    async for figures in fleet.run():
        played.worst_ack_ms = max(played.worst_ack_ms, figures.ack_max_ms or 0.0)


async def _plant(fleet: Fleet, played: Played, per_s: float) -> None:
    if not per_s:
        return
    while True:
        number = len(played.planted)
        played.planted.append(fleet.plant(number * 7 % len(fleet.members), deletion(number)))
        await asyncio.sleep(1.0 / per_s)
