"""A hub that is not killed but shaken: its store stands still, its wire is a mess, its devices live in other years."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from carecordon.exercise.fleet.faults import Faults
from carecordon.exercise.fleet.fleet import Fleet
from carecordon.hub.pulse import read_pulses
from carecordon.model.kept import AlertQuery
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.identity import alert_of
from tests.chaos.checker import check
from tests.chaos.load import RULE, Load, deletion, play
from tests.chaos.outcome import Options, Outcome
from tests.chaos.trust import PROCESSES, Trust, trust_in, wait_for

INCIDENT_S = 60.0
TOLD_S = 30.0
GARBAGE_FROM_S = 10.0
MESSY_SETTLE_S = 180.0
NS = 1_000_000_000
DECADE_NS = 3_652 * 86_400 * NS
DRIFT_PPM = 200.0
"""Ten times what the crystal of a cheap board does."""


def store_stopped(folder: Path, options: Options) -> Outcome:
    """Stop the keeper for a while, then kill it: what comes meanwhile is taken and found, and stored in the end."""
    found_s = 0.0
    with trust_in(folder) as trust:

        async def disturb(fleet: Fleet) -> None:
            nonlocal found_s
            await asyncio.sleep(1.0)
            keeper = trust.pids()["keeper"]
            os.kill(keeper, signal.SIGSTOP)
            before, began = fleet.acknowledged_total, time.monotonic()
            found_s = await _found_meanwhile(trust, fleet)
            await asyncio.sleep(max(0.0, began + options.seconds - time.monotonic()))
            assert fleet.acknowledged_total > before, "nothing was taken while the store stood still"
            os.kill(keeper, signal.SIGKILL)
            await asyncio.sleep(2.0)

        played = asyncio.run(play(trust, folder, _load(options), disturb))
        verdict = check(trust, played)
    line = (
        f"{options.seconds:.0f} s without a store at {played.events_per_s:,.0f} events/s; an alert made meanwhile was "
        f"there after {found_s:.1f} s; {verdict.line()}"
    )
    return Outcome("store-stopped", line, verdict.faults)


async def _found_meanwhile(trust: Trust, fleet: Fleet) -> float:
    """Plant an event on a device; return after how many seconds its alert was in the register."""
    planted = fleet.plant(0, deletion(900_000))
    began = time.monotonic()
    loop = asyncio.get_running_loop()

    def is_there() -> bool:
        register = REGISTER.open_register(str(trust.paths.register))
        try:
            rows = register.cases.alerts(AlertQuery(rule_id=RULE, device=planted.name, limit=1_000))
            samples = [alert_of(row.body).sample for row in rows]
        finally:
            register.close()
        place = (f"{planted.device}/{planted.epoch}", planted.number)
        return any((sample.file, sample.position) == place for sample in samples)

    await loop.run_in_executor(None, wait_for, is_there, INCIDENT_S, "an alert while the store stands", trust.words)
    return time.monotonic() - began


def messy_wire(folder: Path, options: Options) -> Outcome:
    """Let a fifth of all messages come twice, a fifth of all batches out of order; links break, garbage comes.

    Who sent garbage is kept waiting for up to two minutes: where the load is short, only `poison` sends any.
    """
    garbage = 0.002 if options.seconds >= GARBAGE_FROM_S else 0.0
    faults = Faults(drop_per_s=0.05, delay_s=0.05, duplicate=0.2, reorder=0.2, garbage=garbage)
    with trust_in(folder) as trust:

        async def disturb(_: Fleet) -> None:
            await asyncio.sleep(options.seconds)

        load = _load(options)
        load.faults, load.settle_s = faults, MESSY_SETTLE_S
        played = asyncio.run(play(trust, folder, load, disturb))
        verdict = check(trust, played)
        missed = [] if told_in_time(trust, "already_total", 1) else ["nothing came twice"]
        alive = restarts(trust)
    whose = f"{played.sessions} sessions of {options.devices} devices"
    line = f"{played.events_per_s:,.0f} events/s, {whose}; {verdict.line()}"
    return Outcome("messy-wire", line, verdict.faults + missed + alive)


def clocks(folder: Path, options: Options) -> Outcome:
    """Let a third of the devices live ten years ago, a third ten years from now, and all drift; planted events too."""
    with trust_in(folder) as trust:

        def shift(fleet: Fleet) -> None:
            for member in fleet.members:
                member.clock.offset_ns = DECADE_NS * (member.index % 3 - 1)
                member.clock.drift_ppm = DRIFT_PPM * (member.index % 5 - 2)

        async def disturb(_: Fleet) -> None:
            await asyncio.sleep(options.seconds)

        load = _load(options)
        load.on_fleet = shift
        played = asyncio.run(play(trust, folder, load, disturb))
        verdict = check(trust, played)
        alive = restarts(trust)
    years = Counter(datetime.fromtimestamp(one.dated // NS, UTC).year for one in played.planted)
    told = ", ".join(f"{number} planted in {year}" for year, number in sorted(years.items()))
    line = f"{played.events_per_s:,.0f} events/s by clocks ten years apart: {told}; {verdict.line()}"
    return Outcome("clocks", line, verdict.faults + alive)


def gate_figures(trust: Trust) -> dict[str, float]:
    """Return what the gate says of itself."""
    return next((pulse.figures for pulse in read_pulses(trust.paths.run) if pulse.name == "gate"), {})


def told_in_time(trust: Trust, name: str, wanted: float) -> float:
    """Return what the gate says of one figure once it is at least `wanted`, or after `TOLD_S`."""
    end = time.monotonic() + TOLD_S
    while (told := gate_figures(trust).get(name, 0.0)) < wanted and time.monotonic() < end:
        time.sleep(0.1)
    return told


def restarts(trust: Trust) -> list[str]:
    """Return which processes died: none should have."""
    text = (trust.paths.data / "up.log").read_text("utf-8", "replace")
    return [f"{name} died" for name in PROCESSES if f"{name} was ended" in text or f"{name} ended" in text]


def _load(options: Options) -> Load:
    return Load(devices=options.devices, events_per_s=options.events_per_s, seed=options.seed)
