"""What a hub carries: a fleet of made-up devices on a real hub, in phases, and what it cost. Prints figures only."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from carecordon.agent.identity import Identity
from carecordon.cli.bench_hub_found import Finds
from carecordon.cli.bench_hub_gauge import Gauge
from carecordon.cli.bench_hub_ingest import LIMITS, measured
from carecordon.cli.bench_hub_load import Load, Phase
from carecordon.cli.bench_hub_proc import used
from carecordon.cli.bench_hub_site import Site
from carecordon.cli.bench_hub_stored import count, settled
from carecordon.cli.hub_line import Line
from carecordon.exercise.fleet.fleet import Fleet, FleetConfig, names_for
from carecordon.exercise.fleet.pattern import Tape, tape_of
from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios

MEAN_PER_S, MEAN_DEVICES = 1_160, 10_000
"""Source: the capacity that an average trust needs: an event every 9 s of each device."""
SHARES = {"mean": 0.5, "four": 0.2, "burst": 0.05, "after": 0.25}
LOADS = (1.0, 4.0, 10.0)
CALM_S = 600.0
"""So long lag may last behind a burst."""
ENDED = 143
"""What a shell makes of a program that SIGTERM ended."""
PLANTS = 1_100
SESSIONS = 240
INGESTED = 2_400_000
FULL_MINUTES = 10.0
SEED = 20_261_127
WARM_UP_S = 8.0
IDLE_S = 5.0
BACK_S = 300.0
PULSES_S = 2.5
"""After so long a process has said what it counted."""
FOUND_S = 30.0
SETTLED_S = 120.0
MORNING = Span(8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured."""

    devices: int
    minutes: float
    rules: Sequence[Path]
    keep: Path | None = None
    """Where the hub's folder stays to be looked at; None: it goes."""


def measure(wanted: Wanted, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return all figures of a hub under a fleet. `tell` gets a line now and then. Raises TheirFault, OSError."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # devices whose gate is killed write to closed sockets
    with _site(wanted) as (site, state):
        return _measured(site, wanted, state, tell)


def measure_ingest(wanted: Wanted, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return how much the gate takes in for good, of full batches. Raises TheirFault, OSError."""
    with _site(wanted, LIMITS) as (site, state):
        tapes = stories()
        identities = site.devices(state, names_for(tapes, min(SESSIONS, wanted.devices)))
        site.start()
        events = round(INGESTED * min(1.0, wanted.minutes))
        found = measured(site, tapes, identities, events, tell)
        return found | {"kept": count(Line(site.paths), found["acknowledged"], CALM_S)}


@contextmanager
def _site(wanted: Wanted, limits: Sequence[str] = ()) -> Iterator[tuple[Site, Path]]:
    """Yield a hub that does not run yet and a folder for its devices; end it, also when this process is to end."""
    raise_limit()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    try:
        with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as made:
            folder = wanted.keep or Path(made)
            folder.mkdir(parents=True, exist_ok=True)
            site = Site(folder / "hub", wanted.rules, limits)
            try:
                yield site, folder / "devices"
            finally:
                site.stop()
    finally:
        signal.signal(signal.SIGTERM, before)


def _measured(site: Site, wanted: Wanted, state: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    began = time.monotonic()
    tapes = stories()
    tell(f"{wanted.devices:,} devices are made up and certified ...")
    identities = site.devices(state, names_for(tapes, wanted.devices))
    certified_s = time.monotonic() - began
    tell(f"the hub starts for the first time and compiles its rules ({certified_s:.0f} s later) ...")
    first_s = site.start()
    found: dict[str, Any] = {
        "devices": wanted.devices,
        "minutes": wanted.minutes,
        "first_start_s": round(first_s, 2),
        "certified_per_s": round(wanted.devices / certified_s),
    }
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found |= runner.run(_played(site, wanted, tapes, identities, tell))
    rules = site.pulses().get("worker-0")
    found["rules"] = None if rules is None else rules.figures.get("rules")
    found["kept"] = count(Line(site.paths), found["acknowledged"])
    site.stop()
    found["second_start_s"] = round(site.start(), 2)
    found["second_start_cpu_s"] = {name: one.cpu_s for name, pid in site.pids().items() if (one := used(pid))}
    found["store"] = settled(site)
    site.stop()
    return found


async def _played(
    site: Site, wanted: Wanted, tapes: tuple[Tape, ...], identities: list[Identity], tell: Callable[[str], None]
) -> dict[str, Any]:
    mean = MEAN_PER_S * wanted.devices / MEAN_DEVICES
    config = FleetConfig(tapes, events_per_s=mean, seed=SEED, ledger=None)
    gauge, finds = Gauge(site.pids, site.pulses), Finds(site.paths)
    fleet = Fleet(config, identities)
    began = time.monotonic()
    fleet.warm(*LOADS)
    tell(f"stories are encoded ({time.monotonic() - began:.0f} s); the devices connect ...")
    async with fleet:
        connected_s = await fleet.connect()
        gauge.start()
        idle = await _idle(gauge)
        finds.start()
        load = Load(fleet, gauge, finds, mean, tell)
        try:
            begin, *told, after = _phases(wanted)
            await load.play(begin)  # its first seconds are no measure
            phases = [await load.play(phase) for phase in told]
            fleet.load = 1.0
            calm_s = await load.calm(CALM_S)
            phases.append(await load.play(after))
            back = await _killed(site, load, tell)
        finally:
            await load.close()
        is_settled = await _settled(fleet)
        await _all_found(finds)
        finds.stop()
        gauge.stop()
        end = fleet.figures()
        return {
            "connected_s": round(connected_s, 1),
            "connected_per_s": round(wanted.devices / connected_s),
            "idle": idle,
            "phases": phases,
            "lag_gone_after_burst_s": calm_s,
            "found": finds.told(),
            "gate_killed": back,
            "settled": is_settled,
            "written": end.written_total,
            "acknowledged": end.acknowledged_total,
        }


def _phases(wanted: Wanted) -> list[Phase]:
    total = wanted.minutes * 60
    plants = max(20, round(PLANTS * wanted.minutes / FULL_MINUTES * min(1.0, wanted.devices / MEAN_DEVICES)))
    return [
        Phase("warm-up", 1.0, WARM_UP_S),
        Phase("mean", 1.0, total * SHARES["mean"], plants),
        Phase("4 x", 4.0, total * SHARES["four"]),
        Phase("burst, 10 x", 10.0, total * SHARES["burst"]),
        Phase("mean, after", 1.0, total * SHARES["after"]),
    ]


async def _idle(gauge: Gauge) -> dict[str, Any]:
    """Return what all cost while the sessions are held and nothing is said."""
    start = gauge.look()
    await asyncio.sleep(IDLE_S)
    return {key: value for key, value in gauge.told(start, gauge.look()).items() if key.startswith("hub_")}


async def _killed(site: Site, load: Load, tell: Callable[[str], None]) -> dict[str, Any]:
    """Kill the gate under the mean load; return after how many seconds all devices were back."""
    fleet = load.fleet
    sessions = fleet.sessions_total
    site.kill("gate")
    began, start = time.monotonic(), load.gauge.look()
    told: dict[str, Any] = {"back_s": None}
    playing = asyncio.ensure_future(load.calm(0.0))
    await playing
    while time.monotonic() - began < BACK_S:
        await asyncio.sleep(0.02)
        back = fleet.sessions_total - sessions
        if back and "first_s" not in told:
            told["first_s"] = round(time.monotonic() - began, 2)
        if fleet.online >= len(fleet.members) and back >= len(fleet.members):
            told["back_s"] = round(time.monotonic() - began, 2)
            break
    told |= load.gauge.shared(start, load.gauge.look())
    tell(f"the gate was killed: {fleet.online:,} of {len(fleet.members):,} devices are back after {told['back_s']} s")
    told |= {"online": fleet.online, "calm_again_s": await load.calm(120.0)}
    await asyncio.sleep(PULSES_S)
    gate = load.gauge.pulses().get("gate")
    return told | {"resumed": None if gate is None else gate.figures.get("resumed_total")}


async def _settled(fleet: Fleet) -> bool:
    """Wait until everything is acknowledged; return whether it was in time."""
    try:
        await fleet.settle(SETTLED_S)
    except TimeoutError:
        return False
    return True


async def _all_found(finds: Finds) -> None:
    end = time.monotonic() + FOUND_S
    while finds.waiting and time.monotonic() < end:  # noqa: ASYNC110  # a thread finds them
        await asyncio.sleep(0.1)


def stories() -> tuple[Tape, ...]:
    """Return the mornings that devices live through."""
    return (tape_of(Recording(all_scenarios()["quiet"], SEED, span=MORNING)),)


def raise_limit() -> None:
    """Let this process, and those that it starts, have as many sockets as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def shown(found: dict[str, Any]) -> str:
    """Return the figures for people: as JSON, one line a figure."""
    return json.dumps(found, indent=2)
