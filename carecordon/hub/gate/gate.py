"""`python -m carecordon.hub.gate DATA KEYS`: the process that devices speak to; acknowledged means on disk.

It says `ready` on standard output when it listens, and writes its ports to `run/gate.json`. What is where:
door (who may begin a handshake), link (a connection), reception (what sessions say), writing and
commit (groups to disk), admission, pressure, clones, upkeep; enrolment has a port of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvloop

from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.gate import tls
from carecordon.hub.gate.admission import Admission
from carecordon.hub.gate.commit import Committer
from carecordon.hub.gate.door import Door, Entrance
from carecordon.hub.gate.enrolling import Counter, EnrolmentLink
from carecordon.hub.gate.link import Link
from carecordon.hub.gate.office import Office
from carecordon.hub.gate.pressure import Pressure
from carecordon.hub.gate.reception import Calls, Clocks, Reception
from carecordon.hub.gate.renewal import Clerk
from carecordon.hub.gate.upkeep import Upkeep
from carecordon.hub.process import set_up_log
from carecordon.hub.pulse import Heart
from carecordon.hub.trust.authority import Authority, open_authority
from carecordon.hub.trust.enrolment import Answer, Enrolment
from carecordon.model.errors import TheirFault
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM

PORTS = "gate.json"
NAME = "gate"
MAX_SESSIONS = 20_000
DRAIN_S = 10.0
LEAVE_S = 3.0
RETURN_S = 2.0
"""Devices come back so long after a planned stop, and as long again at most."""
FILES_KEPT = 64
CLOCKS = Clocks(time.monotonic_ns, time.time_ns)
log = structlog.get_logger("gate")


class Ports(msgspec.Struct, frozen=True):
    """Where the gate listens."""

    devices: int
    enrol: int
    pid: int


def ports_path(paths: Paths) -> Path:
    """Return the file that says where the gate listens."""
    return paths.run / PORTS


class Gate:
    """All of it, in one event loop. `start`, then `stop`."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        authority: Authority,
        register: Register,
        clocks: Clocks = CLOCKS,
    ) -> None:
        """Begin in the running event loop; blocks while the devices are read."""
        loop = asyncio.get_running_loop()
        chance = random.SystemRandom()
        self._paths, self._settings, self._loop, self._chance = paths, settings, loop, chance
        self._register = register
        self._authority = authority
        self._office = Office(loop, "register")
        self._files = Office(loop, "files")
        self._committer = Committer(
            partial(STREAM.open, str(paths.events), settings.partitions),
            paths.events.parent,
            partial(_in_loop, loop),
        )
        admission = Admission(authority, register.devices)
        pressure = Pressure(settings.limits, chance.random)
        self.reception = Reception(loop, admission, self._committer, pressure, settings.limits, clocks, self._office)
        count = self.reception.figures.count
        opened = partial(STREAM.open, str(paths.found), 1)
        clerk = self._clerk = Clerk(self._office, authority, register, clocks.wall, count, opened)
        self.reception.calls = Calls(clerk.renew, clerk.suspect)
        self._enrolling = Counter(self._enrol, clocks.steady, count)
        self._numbers = itertools.count(1)
        self._doors: list[Door] = []
        self._enrolment: Enrolment | None = None
        heart = Heart(paths.run, NAME, time.time_ns())
        self.upkeep = Upkeep(self.reception, admission, register, self._office, heart, self._figures)
        self._turning: asyncio.Task[None] | None = None
        self.died: asyncio.Future[None] = loop.create_future()

    def start(self) -> Ports:
        """Open stream and doors; return where they are."""
        self._paths.events.parent.mkdir(parents=True, exist_ok=True)
        pressure = self.reception.pressure
        self._committer.start(lambda view: pressure.see(view.free_bytes, view.lag_s), self._die)
        listen, keys, count = self._settings.listen, self._paths.keys, self.reception.figures.count
        devices = Entrance(
            "devices",
            tls.devices_context(keys),
            lambda: Link(self.reception, next(self._numbers)),
            lambda: len(self.reception.links) >= MAX_SESSIONS,
            lambda what: count(f"devices_{what}"),
        )
        enrol = Entrance(
            "enrol",
            tls.enrolment_context(keys),
            lambda: EnrolmentLink(self._enrolling),
            lambda: False,  # it makes room by itself
            lambda what: count(f"enrol_{what}"),
        )
        self._doors = [
            Door(self._loop, _listener(listen.host, listen.devices), devices),
            Door(self._loop, _listener(listen.host, listen.enrol), enrol),
        ]
        ports = Ports(self._doors[0].port, self._doors[1].port, os.getpid())
        self._enrolment = Enrolment(self._authority, self._register.devices, ports.devices, time.time_ns)
        for door in self._doors:
            door.open()
        self._turning = self._loop.create_task(self.upkeep.turn())
        self._turning.add_done_callback(self._stopped_turning)
        return ports

    async def stop(self) -> None:
        """Take nothing new, write what is queued, send the receipts, say bye, and end."""
        self.reception.pressure.is_stopping = True
        for door in self._doors:
            door.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.reception.writing.idle(), DRAIN_S)
        self.reception.say_bye("the hub is being stopped", lambda: RETURN_S * (1 + self._chance.random()))
        await self._emptied()
        if self._turning is not None:
            self._turning.cancel()
        seen = self.reception.take_seen(is_due=True)
        with contextlib.suppress(OSError):
            await self._office.wait(partial(self._register.devices.seen, seen))
        self._committer.stop()
        await self._office.wait(self._clerk.close)
        self._office.close()
        self._files.close()

    async def _emptied(self) -> None:
        """Wait until all links are gone, and drop those that are slow."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.reception.emptied(), LEAVE_S)
        for link in list(self.reception.links.values()):
            link.drop("the hub is being stopped")
        for other in list(self._enrolling.links):
            other.drop()
        await asyncio.sleep(0)

    async def _enrol(self, path: str, body: bytes) -> Answer:
        enrolment = self._enrolment
        if enrolment is None:
            raise OSError("the gate is not open yet")
        answer = await self._office.wait(partial(enrolment.answer, path, body))
        if answer.device is not None:
            self.upkeep.ask_register()
        return answer

    def _figures(self) -> dict[str, float]:
        return {f"door_{door.name}": float(door.waiting) for door in self._doors}

    def _die(self, fault: BaseException) -> None:
        if not self.died.done():
            self.died.set_exception(fault)

    def _stopped_turning(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._die(fault)


async def serve(paths: Paths, settings: Settings, authority: Authority, register: Register) -> None:
    """Run a gate until a signal asks for its end. Raises whatever it died of."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_unforeseen)
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    gate = Gate(paths, settings, authority, register)
    ports = gate.start()
    _write_ports(paths, ports)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    log.info("ready", devices=ports.devices, enrol=ports.enrol)
    waiting = loop.create_task(asked.wait())
    either: list[asyncio.Future[Any]] = [waiting, gate.died]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if gate.died.done():
        waiting.cancel()
        await gate.died
    log.info("stopping", sessions=len(gate.reception.links))
    await gate.stop()
    log.info("stopped")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m carecordon.hub.gate", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("keys", type=Path)
    given = parser.parse_args(arguments)
    paths = Paths(given.data, given.keys)
    set_up_log(NAME)
    _raise_file_limit()
    try:
        settings = read_settings(paths.settings)
        paths.run.mkdir(parents=True, exist_ok=True)
        authority = open_authority(paths.keys, settings.ods)
        why = tls.renew_server(authority, paths.keys)
        if why:
            log.info("server_certificate_made", why=why)
        register = REGISTER.open_register(str(paths.register))
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve(paths, settings, authority, register))
        finally:
            register.close()
    except (TheirFault, OSError) as fault:
        log.error("cannot_run", why=str(fault))  # noqa: TRY400  # a person reads it, not a trace
        return 1
    return 0


def _in_loop(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    """Have something done in the loop; nothing where that has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(act)


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as fault:
        raise OSError(f"{host}:{port} cannot be listened on ({fault}): see [listen] in hub.toml") from fault


def _write_ports(paths: Paths, ports: Ports) -> None:
    path = ports_path(paths)
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(ports))
    new.replace(path)


def _raise_file_limit() -> None:
    """Let as many sessions in as the system allows us files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _unforeseen(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Log what nobody caught: one connection's fault must not end the others."""
    fault = context.get("exception")
    log.warning("unforeseen", what=str(context.get("message")), why=f"{type(fault).__name__}: {fault}" if fault else "")
