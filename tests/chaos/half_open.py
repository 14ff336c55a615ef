"""Links of real agents to a whole hub become black holes: both ends see it in the promised time, by the wall clock."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from carecordon.agent.carry import Carrier
from carecordon.agent.identity import Identity
from carecordon.agent.spool import Spool
from carecordon.hub.keeper.store import open_reader
from tests.agent.spooling import Make, put
from tests.chaos.checker import rows_of
from tests.chaos.outcome import Options, Outcome
from tests.chaos.shaken import gate_figures, restarts
from tests.chaos.trust import HOST, Trust, trust_in
from tests.hub.black_hole import Relay, Way

PROMISED_S = 90.0
WAYS = {"both ways": (Way.UP, Way.DOWN), "from the agent": (Way.UP,), "from the gate": (Way.DOWN,)}
EACH = 8
"""Devices whose link becomes a hole of one kind."""
SPREAD_S = 10.0
"""The links become holes within this time, so that the ends look at them early and late."""
WAIT_S = 180.0


@dataclass
class Ward:
    """A device, its way to the hub, and how long the ends of its link took to see what it had become."""

    kind: str
    device: str
    spool: Spool
    carrier: Carrier
    relay: Relay
    agent_s: float = 0.0
    gate_s: float = 0.0

    def tell(self) -> None:
        """Have an event to carry."""
        put(self.spool, 1)
        self.carrier.wake()

    @property
    def is_empty(self) -> bool:
        """Return whether everything is acknowledged."""
        return not self.spool.pending


def half_open(folder: Path, options: Options) -> Outcome:
    """Let 24 links become holes, an event in every second of them: ends let go in time, and all is stored once."""
    rng, make = random.Random(options.seed), Make()
    with trust_in(folder) as trust:
        wards = asyncio.run(_play(trust, folder, rng, make))
        told = {ward.device: ward.spool.next for ward in wards}
        faults = _miscounted(trust, told)
        faults += ["an honest device was taken for a clone"] if gate_figures(trust).get("clones_total") else []
        faults += restarts(trust)
    make.end()
    slow, words = [], []
    for kind in WAYS:
        agent_s, gate_s = (max(getattr(one, end) for one in wards if one.kind == kind) for end in ("agent_s", "gate_s"))
        words.append(f"{kind}: agent {agent_s:.1f}, gate {gate_s:.1f}")
        for end, took_s in (("agent", agent_s), ("gate", gate_s)):
            slow += [f"{kind}: the {end} let go after {took_s:.1f} s"] if took_s > PROMISED_S else []
    line = (
        f"{len(wards)} links became holes; let go of after at most (s) {'; '.join(words)}; {sum(told.values())} events"
    )
    return Outcome("half-open", line, faults, slow)


async def _play(trust: Trust, folder: Path, rng: random.Random, make: Make) -> list[Ward]:
    kinds = [kind for kind in WAYS for _ in range(EACH)]
    identities = trust.identities(
        folder / "devices", [f"hole-{number:02d}.example.org" for number in range(len(kinds))]
    )
    async with contextlib.AsyncExitStack() as stack:
        wards = []
        for kind, one in zip(kinds, identities, strict=True):
            relay = await stack.enter_async_context(Relay(HOST, trust.port).run())
            own = Identity(one.folder, msgspec.structs.replace(one.hub, port=relay.port))
            spool = make(one.folder / "spool")
            carrier = Carrier(spool, own, host=one.hub.device, system="exercise", rng=random.Random(rng.random()))
            wards.append(Ward(kind, one.hub.device, spool, carrier, relay))
        tasks = [asyncio.ensure_future(ward.carrier.run()) for ward in wards]
        try:
            for ward in wards:
                ward.tell()
            await _until(lambda: all(ward.is_empty for ward in wards), "all is acknowledged at first")
            await asyncio.gather(
                *(_go_dark(ward, rng.random() * SPREAD_S, number) for number, ward in enumerate(wards))
            )
            for ward in wards:
                ward.tell()
            await _until(lambda: all(ward.is_empty for ward in wards), "all is acknowledged in the end")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return wards


async def _go_dark(ward: Ward, after_s: float, number: int) -> None:
    """Let a device's link become a hole, and wait until both ends have let go of it."""
    await asyncio.sleep(after_s)
    loop = asyncio.get_running_loop()
    pipe = ward.relay.block(WAYS[ward.kind])[-1]
    began = loop.time()
    if number % 2:
        ward.tell()
    await _until(lambda: len(pipe.let_go) == len(Way), f"{ward.kind}: both ends let go")
    ward.agent_s, ward.gate_s = pipe.let_go[Way.UP] - began, pipe.let_go[Way.DOWN] - began


async def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end, f"not within {WAIT_S:.0f} s: {what}"
        await asyncio.sleep(0.1)


def _miscounted(trust: Trust, told: dict[str, int]) -> list[str]:
    """Return which devices have not all their events in the store once."""
    end, found = time.monotonic() + WAIT_S, dict[str, tuple[int, int]]()
    while found != {device: (number, number) for device, number in told.items()} and time.monotonic() < end:
        reader = open_reader(trust.paths)
        try:
            rows = rows_of(reader, "SELECT sender, count(), uniqExact(epoch, sequence) FROM events GROUP BY sender")
            found = {str(sender): (int(str(n)), int(str(unique))) for sender, n, unique in rows}
        finally:
            reader.close()
        time.sleep(0.5)
    return [
        f"{device}: (rows, events) {found.get(device)}, {number} were told"
        for device, number in told.items()
        if found.get(device) != (number, number)
    ]
