"""A link that carries nothing any more, and says so to nobody, is seen by both its ends; over real sockets.

Real agents and a real gate, on an event loop whose clock runs ten times as fast as the wall's: the times are those that
ship, all of them, and ninety seconds pass in nine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carecordon.agent import carry
from carecordon.agent import link as agent_link
from carecordon.agent.carry import Carrier
from carecordon.agent.identity import Hub as AtHub
from carecordon.agent.identity import Identity, make_key, make_request, settle
from carecordon.agent.spool import Spool
from carecordon.hub.config import read_settings
from carecordon.hub.gate import link as gate_link
from carecordon.hub.gate import tls, upkeep
from carecordon.hub.gate.gate import Gate
from carecordon.hub.gate.reception import TICK_SLOTS, Clocks
from carecordon.hub.trust.authority import Issued
from carecordon.model.device import DeviceKind, NewDevice
from carecordon.wire import device_session, hub_session, session
from carecordon.wire.session import NANOSECONDS
from tests.agent.hubs import pem
from tests.agent.spooling import Make, put
from tests.agent.test_carry import Swift
from tests.hub import gate_kit
from tests.hub.black_hole import Pipe, Relay, Way

PROMISED_S = 90.0
FAST = 10.0
WAYS = {"both": (Way.UP, Way.DOWN), "from the agent": (Way.UP,), "from the gate": (Way.DOWN,)}
LOOK_S = upkeep.TICK_S + upkeep.STEP_S
GATE_S = session.DEAD_AFTER_S + TICK_SLOTS * LOOK_S + gate_link.CLOSE_S + LOOK_S
"""Silence, the next look at this link, a last word that is not answered, and the look that ends it."""
AGENT_S = session.DEAD_AFTER_S + session.TICK_S + agent_link.CLOSE_S


def test_the_times_that_ship_add_up_to_what_is_promised() -> None:
    assert GATE_S <= PROMISED_S
    assert AGENT_S <= PROMISED_S
    assert session.GREETING_S + TICK_SLOTS * LOOK_S + gate_link.CLOSE_S + LOOK_S <= PROMISED_S
    assert carry.CONNECT_S + agent_link.GREETING_S + agent_link.CLOSE_S <= PROMISED_S


def test_a_live_peer_has_time_to_answer_before_it_is_given_up() -> None:
    hub_asked_s = hub_session.ASK_AFTER_S + TICK_SLOTS * LOOK_S
    device_asked_s = device_session.ASK_AFTER_S + session.TICK_S
    assert session.DEAD_AFTER_S - hub_asked_s >= 15
    assert session.DEAD_AFTER_S - device_asked_s >= 15
    assert hub_asked_s < device_session.ASK_AFTER_S


class HurriedSelector(selectors.DefaultSelector):
    """Waits for a part of the time that it is asked to wait."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / FAST)


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs fast."""

    def __init__(self) -> None:
        super().__init__(HurriedSelector())

    def time(self) -> float:
        return super().time() * FAST


class Lateness:
    """By how much the loop was late in all: the machine's doing, and no end's."""

    def __init__(self) -> None:
        self.total_s = 0.0

    async def measure(self, step_s: float = 0.5) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + step_s
            await asyncio.sleep(step_s)
            self.total_s += max(0.0, loop.time() - due - step_s / 5)


@dataclass
class Ward:
    """A device with its spool, and a relay of its own to the gate."""

    id: str
    spool: Spool
    carrier: Carrier
    relay: Relay
    pipes: list[Pipe] = field(default_factory=list)
    """The links that became holes."""

    def tell(self, text: str) -> None:
        put(self.spool, 1, text=text)
        self.carrier.wake()


async def until(holds: Callable[[], bool], what: str, within_s: float = 30.0) -> None:
    """Wait, by the wall's clock, until something holds."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02 * FAST)


def identity_of(hub: gate_kit.Hub, folder: Path, port: int) -> Identity:
    """Return a device that enrolled, whose way to the gate leads over a port."""
    device, key, now = os.urandom(16).hex(), make_key(), time.time_ns()
    issued = hub.authority.issue(make_request(key, "ward-pc-07"), device, now)
    assert isinstance(issued, Issued)
    new = NewDevice(device, folder.name, "Linux", DeviceKind.AGENT, issued.certificate)
    hub.register.devices.add(new, "wards", now)
    return settle(folder, AtHub("127.0.0.1", port, device, pem(hub.authority)), key, issued.chain)


def test_a_black_hole_in_either_or_both_directions_is_seen_by_both_ends_in_time(tmp_path: Path) -> None:
    hub = gate_kit.make_hub(tmp_path / "hub")
    hub.paths.run.mkdir()
    tls.renew_server(hub.authority, hub.paths.keys)
    make = Make()
    names = [f"{name}, {work}" for name in WAYS for work in ("busy", "idle")]

    async def play() -> None:
        loop, lateness = asyncio.get_running_loop(), Lateness()
        clocks = Clocks(lambda: int(loop.time() * NANOSECONDS), time.time_ns)
        gate = Gate(hub.paths, read_settings(hub.paths.settings), hub.authority, hub.register, clocks)
        port = gate.start().devices
        wards: dict[str, Ward] = {}
        async with contextlib.AsyncExitStack() as stack:
            for name in names:
                relay = await stack.enter_async_context(Relay("127.0.0.1", port).run())
                identity = identity_of(hub, tmp_path / name, relay.port)
                spool = make(tmp_path / name / "spool")
                carrier = Carrier(spool, identity, host=name, system="Linux", rng=Swift(), clock=clocks.steady)
                wards[name] = Ward(identity.hub.device, spool, carrier, relay)
            tasks = [asyncio.ensure_future(ward.carrier.run()) for ward in wards.values()]
            tasks.append(asyncio.ensure_future(lateness.measure()))
            try:
                await go_dark(wards, lateness)
                assert gate.reception.figures.totals["clones"] == 0
                await until(lambda: len(gate.reception.links) == len(wards), "the dead sessions are gone")
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await gate.stop()
        for name, ward in wards.items():
            assert hub.numbers(ward.id) == list(range(ward.spool.next)), name

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(play())
    make.end()
    hub.register.close()


async def go_dark(wards: Mapping[str, Ward], lateness: Lateness) -> None:
    """Let links that work become holes; everything comes by other ones, and both ends let go of the dead in time."""
    for ward in wards.values():
        ward.tell("before")
    await until(lambda: not any(ward.spool.pending for ward in wards.values()), "all is acknowledged before")
    began, late = asyncio.get_running_loop().time(), lateness.total_s
    for name, ward in wards.items():
        ward.pipes = ward.relay.block(WAYS[name.split(",")[0]])
        if name.endswith("busy"):
            ward.tell("into the hole")
    await until(lambda: all(len(pipe.let_go) == 2 for one in wards.values() for pipe in one.pipes), "all let go")
    allowed_s = lateness.total_s - late
    for name, ward in wards.items():
        for pipe in ward.pipes:
            assert pipe.let_go[Way.UP] - began <= AGENT_S + allowed_s, f"{name}: the agent"
            assert pipe.let_go[Way.DOWN] - began <= GATE_S + allowed_s, f"{name}: the gate"
    for ward in wards.values():
        ward.tell("after")
    await until(lambda: not any(ward.spool.pending for ward in wards.values()), "all is acknowledged after")
    assert all(ward.carrier.standing.sessions >= 2 for ward in wards.values())
