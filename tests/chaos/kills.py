"""Kill: each process of a hub under load, again and again; what was acknowledged is there, once, and it comes back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from carecordon.exercise.fleet.fleet import Fleet
from tests.chaos.checker import check
from tests.chaos.load import Load, Played, play
from tests.chaos.outcome import Options, Outcome
from tests.chaos.shaken import restarts
from tests.chaos.trust import PROCESSES, SUPERVISOR, Trust, is_gone, trust_in, wait_for
from tests.notify.receiving import SECRET, hook_server

BACK_S = 10.0
LEAST_PER_S = 3_000.0
"""Events that the fleet tells a second while processes are killed, where as many are asked for."""
WAIT_S = 60.0
BETWEEN_S = (0.3, 1.5)
"""How long the hub is left alone before the next kill: less than it takes to recover wholly."""


def kills(folder: Path, options: Options) -> Outcome:
    """Kill every process `options.kills` times, in an order drawn from the seed."""
    rng = random.Random(options.seed)
    order = [name for _ in range(options.kills) for name in rng.sample((*PROCESSES, SUPERVISOR), len(PROCESSES) + 1)]
    took: dict[str, list[_Return]] = {}
    with hook_server() as hooks, trust_in(folder, webhook=hooks.url, secret=SECRET) as trust:

        async def disturb(fleet: Fleet) -> None:
            await asyncio.sleep(2.0)
            for name in order:
                took.setdefault(name, []).append(await _kill(trust, fleet, name))
                await asyncio.sleep(rng.uniform(*BETWEEN_S))
            await asyncio.sleep(1.0)

        load = Load(devices=options.devices, events_per_s=options.events_per_s, seed=options.seed)
        played = asyncio.run(play(trust, folder, load, disturb))
        verdict = check(trust, played, lambda: [headers["webhook-id"] for headers, _ in hooks.got])
        told = restarts(trust)
    slowest = {name: max(returns, key=lambda back: back.seconds) for name, returns in took.items()}
    slow = [f"{name} was back after {back.line()}" for name, back in slowest.items() if back.seconds > BACK_S]
    slow += too_few(played, options)
    worst = ", ".join(f"{name} {back.seconds:.1f}" for name, back in sorted(slowest.items()))
    line = (
        f"{len(order)} kills at {played.events_per_s:,.0f} events/s ({options.devices} devices, "
        f"{played.sessions} sessions); back after at most (s): {worst}; {verdict.line()}"
    )
    unsaid = [f"{name} was killed, and the hub did not say so" for name in PROCESSES if f"{name} died" not in told]
    return Outcome("kills", line, verdict.faults + unsaid, slow)


def too_few(played: Played, options: Options) -> list[str]:
    """Return what there is to say of a load that was to be that of the issue, and was not."""
    is_so = played.events_per_s < LEAST_PER_S <= options.events_per_s
    return [f"{played.events_per_s:,.0f} events/s were told, not {LEAST_PER_S:,.0f}"] if is_so else []


@dataclass(frozen=True, slots=True)
class _Return:
    """How a process came back: in how many seconds, and, of a whole hub, when each of its processes was ready."""

    seconds: float
    ready: Mapping[str, float]

    def line(self) -> str:
        each = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(self.ready.items()))
        return f"{self.seconds:.1f} s (ready: {each})"


async def _kill(trust: Trust, fleet: Fleet, name: str) -> _Return:
    """Kill a process; return how it was back and took events that were written behind the kill."""
    loop = asyncio.get_running_loop()
    before = trust.pids()
    if name not in before:
        await loop.run_in_executor(None, wait_for, lambda: name in trust.pids(), WAIT_S, f"{name} runs", trust.words)
        before = trust.pids()
    began = time.monotonic()
    os.kill(before[name], signal.SIGKILL)
    ready: dict[str, float] = {}

    def is_back() -> bool:
        for one in set(wanted) - set(ready):
            if trust.is_ready(one, before.get(one)):
                ready[one] = time.monotonic() - began
        return len(ready) == len(wanted) and all(trust.is_ready(one, before.get(one)) for one in wanted)

    wanted = PROCESSES if name == SUPERVISOR else (name,)
    if name == SUPERVISOR:
        trust.up.wait()
        trust.start()
    await loop.run_in_executor(None, wait_for, is_back, WAIT_S, f"{name} is back", trust.words)
    if name == SUPERVISOR:
        left = [one for one, pid in before.items() if one != SUPERVISOR and not is_gone(pid)]
        assert not left, f"of the former hub there still run: {left}"
    taken = fleet.acknowledged_total
    async with asyncio.timeout(WAIT_S):
        while fleet.acknowledged_total == taken:  # noqa: ASYNC110  # the fleet has no event for it
            await asyncio.sleep(0.02)
    return _Return(time.monotonic() - began, ready)
