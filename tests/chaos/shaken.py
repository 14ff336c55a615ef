"""A hub that is not killed but shaken: its store stands still, its disk fills up, its devices live in other years."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
NS = 1_000_000_000
DECADE_NS = 3_652 * 86_400 * NS
DRIFT_PPM = 200.0
"""Ten times what the crystal of a cheap board does."""
MIB = 1 << 20


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
    """Let a fifth of all messages come twice, a fifth of all batches out of order; links break, garbage comes."""
    faults = Faults(drop_per_s=0.05, delay_s=0.05, duplicate=0.2, reorder=0.2, garbage=0.002)
    with trust_in(folder) as trust:

        async def disturb(_: Fleet) -> None:
            await asyncio.sleep(options.seconds)

        load = _load(options)
        load.faults = faults
        played = asyncio.run(play(trust, folder, load, disturb))
        verdict = check(trust, played)
        alive = restarts(trust)
    whose = f"{played.sessions} sessions of {options.devices} devices"
    line = f"{played.events_per_s:,.0f} events/s, {whose}; {verdict.line()}"
    return Outcome("messy-wire", line, verdict.faults + alive)


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


def disk_full(folder: Path, options: Options) -> Outcome:
    """Fill the disk under a hub and free it: it refuses before it accepts, loses nothing, and goes on by itself."""
    place = folder / "small"
    place.mkdir()
    with _small_disk(place, 220 * MIB) as is_there:
        if not is_there:
            return Outcome("disk-full", "skipped: a small disk can be mounted by root only")
        figures: dict[str, float] = {}
        with trust_in(place, reserve_bytes=40 * MIB) as trust:

            async def disturb(fleet: Fleet) -> None:
                loop = asyncio.get_running_loop()
                await asyncio.sleep(1.0)
                for left, name in ((30 * MIB, "reserve"), (0, "brim")):
                    filler = place / "filler"
                    await loop.run_in_executor(None, _fill, filler, place, left)
                    refused = gate_figures(trust).get("refused_disk_total", 0.0)
                    await asyncio.sleep(max(4.0, options.seconds / 2))
                    figures[f"waiting at {name}"] = float(fleet.written_total - fleet.acknowledged_total)
                    figures[f"refusals at {name}"] = gate_figures(trust).get("refused_disk_total", 0.0) - refused
                    filler.unlink()
                    taken, began = fleet.acknowledged_total, time.monotonic()
                    async with asyncio.timeout(90.0):
                        while fleet.acknowledged_total == taken:  # noqa: ASYNC110  # the fleet has no event for it
                            await asyncio.sleep(0.05)
                    figures[f"s until taken again after {name}"] = round(time.monotonic() - began, 1)

            played = asyncio.run(play(trust, folder, _load(options), disturb))
            verdict = check(trust, played)
    said = ", ".join(f"{value:g} {name}" for name, value in figures.items())
    return Outcome("disk-full", f"{said}; {verdict.line()}", verdict.faults)


def _fill(filler: Path, place: Path, left: int) -> None:
    """Fill a disk up to `left` bytes."""
    with filler.open("wb", buffering=0) as file:
        try:
            while (free := _free(place)) > left:
                file.write(bytes(min(MIB, free - left)))
        except OSError:
            return


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


@contextmanager
def _small_disk(place: Path, size: int) -> Iterator[bool]:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def gate_figures(trust: Trust) -> dict[str, float]:
    """Return what the gate says of itself."""
    return next((pulse.figures for pulse in read_pulses(trust.paths.run) if pulse.name == "gate"), {})


def restarts(trust: Trust) -> list[str]:
    """Return which processes died: none should have."""
    text = (trust.paths.data / "up.log").read_text("utf-8", "replace")
    return [f"{name} died" for name in PROCESSES if f"{name} was ended" in text or f"{name} ended" in text]


def _load(options: Options) -> Load:
    return Load(devices=options.devices, events_per_s=options.events_per_s, seed=options.seed)
