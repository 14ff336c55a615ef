"""Ten thousand slow strangers at the doors of a whole hub, and a flood of failed handshakes, while devices go on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from carecordon.agent.enrol import NotEnrolled, enrol, read_token
from carecordon.exercise.fleet.fleet import Fleet
from carecordon.hub.config import read_settings
from carecordon.hub.trust.access import make_enrol_token
from carecordon.hub.trust.authority import open_authority
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from tests.chaos.checker import check
from tests.chaos.load import Load, play
from tests.chaos.outcome import Options, Outcome
from tests.chaos.shaken import gate_figures, restarts
from tests.chaos.trust import HOST, Trust, trust_in
from tests.hub.strangers import Band, Manner, strangers

DRIPPING, DRIPPING_TOO = 0.8, 0.16
"""Of all strangers: those whose hello never ends, at the devices' door and at that of enrolment."""
LORISES, FAILING = 500, 50
"""Who hold the places of enrolment; and, when those are gone, who fail and come again."""
ADDRESSES = 500
GATHER_S = 60.0
EVENTS_PER_S = 500.0
WORST_ACK_MS = 5_000.0
ENROL_S = 20.0


@dataclass
class Seen:
    """What happened while the strangers were there, and before."""

    held: int = 0
    waiting: float = 0.0
    failed_per_s: float = 0.0
    cores: float = 0.0
    acknowledged_per_s: float = 0.0
    ack_ms: dict[str, float] = field(default_factory=dict)
    enrolled_s: float = 0.0
    lost_sessions: int = 0
    faults: list[str] = field(default_factory=list)


def crowd(folder: Path, options: Options) -> Outcome:
    """Let strangers (10,000) be at the doors for a while: devices inside go on, and a new one comes in."""
    seen, slow_ones = Seen(), options.strangers
    with trust_in(folder) as trust:

        async def disturb(fleet: Fleet) -> None:
            door = _enrol_port(trust)
            await _calm(fleet, seen, options.seconds / 2)
            with (
                strangers(trust.port, Manner.DRIP, round(DRIPPING * slow_ones), ADDRESSES, folder / "drip") as drip,
                strangers(
                    door, Manner.DRIP, round(DRIPPING_TOO * slow_ones), ADDRESSES, folder / "drip-too"
                ) as drip_too,
                strangers(door, Manner.LORIS, LORISES, ADDRESSES, folder / "loris") as loris,
            ):
                bands = (drip, drip_too, loris)
                await _gathered(bands, seen, slow_ones)
                await _besieged(trust, fleet, bands, seen, options.seconds)
                await _newcomer(trust, folder / "newcomer", seen)
            with strangers(trust.port, Manner.FAIL, FAILING, ADDRESSES, folder / "fail"):
                await _flooded(trust, fleet, seen, options.seconds)

        load = Load(devices=options.devices, events_per_s=min(EVENTS_PER_S, options.events_per_s), seed=options.seed)
        played = asyncio.run(play(trust, folder, load, disturb))
        verdict = check(trust, played)
        died = restarts(trust)
    line = (
        f"{seen.held:,} strangers' connections open at once ({seen.waiting:,.0f} seen waiting by the gate), "
        f"meanwhile {options.devices} devices had {seen.acknowledged_per_s:,.0f} events/s acknowledged, ack p99 "
        f"{seen.ack_ms['among the slow']:.0f} ms, gate {seen.cores:.2f} cores; {seen.failed_per_s:,.0f} handshakes "
        f"failed a second, ack p99 {seen.ack_ms['in the flood']:.0f} ms ({seen.ack_ms['before']:.0f} before all); "
        f"{seen.lost_sessions} sessions lost; a new device enrolled in {seen.enrolled_s:.1f} s; {verdict.line()}"
    )
    slow = [f"ack p99 {ack_ms:.0f} ms {when}" for when, ack_ms in seen.ack_ms.items() if ack_ms > WORST_ACK_MS]
    slow += [f"{seen.held:,} strangers were there at once, not {slow_ones:,}"] if seen.held < slow_ones else []
    slow += [f"enrolling took {seen.enrolled_s:.1f} s"] if seen.enrolled_s > ENROL_S else []
    return Outcome("crowd", line, verdict.faults + seen.faults + died, slow)


async def _calm(fleet: Fleet, seen: Seen, seconds: float) -> None:
    fleet.begin_delays()
    await asyncio.sleep(seconds)
    seen.ack_ms["before"] = fleet.ack_ms(0.99, fleet.waiting_ns()) or 0.0


async def _gathered(bands: tuple[Band, ...], seen: Seen, wanted: int) -> None:
    """Wait until as many are there as there will be; they come again and again."""
    end = time.monotonic() + GATHER_S
    while seen.held < wanted and time.monotonic() < end:
        seen.held = sum(band.figures().held for band in bands)
        await asyncio.sleep(0.2)


async def _besieged(trust: Trust, fleet: Fleet, bands: tuple[Band, ...], seen: Seen, seconds: float) -> None:
    fleet.begin_delays()
    began, taken, sessions = time.monotonic(), fleet.acknowledged_total, fleet.sessions_total
    cpu_s = _cpu_s(trust)
    while time.monotonic() - began < seconds:
        figures = gate_figures(trust)
        seen.waiting = max(seen.waiting, figures.get("door_devices", 0.0) + figures.get("door_enrol", 0.0))
        seen.held = max(seen.held, sum(band.figures().held for band in bands))
        await asyncio.sleep(0.5)
    await _until(lambda: fleet.acknowledged_total > taken)
    took_s = time.monotonic() - began
    seen.acknowledged_per_s = (fleet.acknowledged_total - taken) / took_s
    seen.cores = (_cpu_s(trust) - cpu_s) / took_s
    seen.ack_ms["among the slow"] = fleet.ack_ms(0.99, fleet.waiting_ns()) or 0.0
    seen.lost_sessions = fleet.sessions_total - sessions
    seen.faults += ["devices lost their sessions"] if seen.lost_sessions else []
    seen.faults += ["nothing was acknowledged"] if fleet.acknowledged_total == taken else []


async def _flooded(trust: Trust, fleet: Fleet, seen: Seen, seconds: float) -> None:
    fleet.begin_delays()
    began, taken, sessions, failed = time.monotonic(), fleet.acknowledged_total, fleet.sessions_total, _failed(trust)
    await asyncio.sleep(seconds)
    await _until(lambda: fleet.acknowledged_total > taken and _failed(trust) > failed)
    seen.failed_per_s = (_failed(trust) - failed) / (time.monotonic() - began)
    seen.ack_ms["in the flood"] = fleet.ack_ms(0.99, fleet.waiting_ns()) or 0.0
    lost = fleet.sessions_total - sessions
    seen.lost_sessions += lost
    seen.faults += ["devices lost their sessions in the flood"] if lost else []
    seen.faults += ["nothing was acknowledged in the flood"] if fleet.acknowledged_total == taken else []
    seen.faults += ["no handshake failed"] if not seen.failed_per_s else []


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait for what a busy machine may be late with, and no longer than `GATHER_S`."""
    end = time.monotonic() + GATHER_S
    while not is_so() and time.monotonic() < end:  # noqa: ASYNC110  # the hub is another process
        await asyncio.sleep(0.2)


async def _newcomer(trust: Trust, folder: Path, seen: Seen) -> None:
    """Enrol a device among the strangers."""
    authority = open_authority(trust.paths.keys, read_settings(trust.paths.settings).ods)
    token, text = make_enrol_token(authority.fingerprint, "crowd", "chaos", time.time_ns(), uses=1)
    register = REGISTER.open_register(str(trust.paths.register))
    register.devices.add_enrol_token(token)
    register.close()
    began = time.monotonic()

    def come_in() -> object:
        return enrol(folder, HOST, _enrol_port(trust), read_token(text), name="late.example.org", system="exercise")

    answer = await asyncio.to_thread(come_in)
    seen.enrolled_s = time.monotonic() - began
    seen.faults += [f"a new device did not come in: {answer.reason}"] if isinstance(answer, NotEnrolled) else []


def _cpu_s(trust: Trust) -> float:
    """Return the processor time that the gate has used."""
    words = Path(f"/proc/{trust.pids()['gate']}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _failed(trust: Trust) -> float:
    return gate_figures(trust).get("devices_handshake_failed_total", 0.0)


def _enrol_port(trust: Trust) -> int:
    return read_settings(trust.paths.settings).listen.enrol
