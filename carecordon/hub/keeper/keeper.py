"""The process that owns the telemetry store: `python -m carecordon.hub.keeper DATA` serves it on loopback.

It has no way out: each statement is held against a closed list (door) before the engine sees it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

import uvicorn

from carecordon.hub.config import Paths, read_settings
from carecordon.hub.keeper.address import HOST, LOCK, Address, write_address
from carecordon.hub.keeper.engine import Engine, EngineFault
from carecordon.hub.keeper.frozen import tidy
from carecordon.hub.keeper.http import QUESTIONS, Door
from carecordon.hub.pulse import Heart
from carecordon.model.errors import TheirFault

NICER = 5
"""The gate goes first: it answers devices, the keeper only follows."""
RETENTION_DAYS = 30
ADDRESS_SPACE_BYTES = 6 << 30
"""What the process may ever hold: planning a question counts against none of the engine's own limits. It lives in 2 GB.
"""
BEAT_S = 1.0
STOP_S = 15


def main() -> int:
    """Serve the store of a data folder until SIGTERM; return the exit code."""
    if len(sys.argv) != 2:
        sys.stderr.write("keeper: name the hub's data folder\n")
        return 2
    try:
        return serve(Paths(Path(sys.argv[1]), Path(sys.argv[1])))
    except (TheirFault, OSError, EngineFault) as fault:
        sys.stderr.write(f"keeper: {fault}\n")
        return 1


def serve(paths: Paths) -> int:
    """Own the store, tell where it listens, and answer until told to stop."""
    os.umask(0o077)
    _hold_memory()
    # The server takes these signals for itself while it runs and hands them on when it has ended; this ends the rest.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    paths.run.mkdir(parents=True, exist_ok=True)
    retention = read_settings(paths.settings).retention_days if paths.settings.exists() else RETENTION_DAYS
    lock = (paths.run / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        raise TheirFault(f"{paths.telemetry}: another keeper owns it; stop that one first") from fault
    os.nice(NICER)
    tidy(paths)
    engine = Engine(paths.telemetry, retention, QUESTIONS + 1)
    listening = listener()
    address = Address(listening.getsockname()[1], os.getpid(), secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    door = Door(engine, address)
    try:
        asyncio.run(_serve(paths.run, door, listening))
    finally:
        (paths.run / "keeper.json").unlink(missing_ok=True)
        door.close()
        engine.close()
        lock.close()
    return 0


def listener() -> socket.socket:
    """Return the socket of the keeper's door. What goes out goes at once: the end of an answer would wait 40 ms."""
    listening = socket.create_server((HOST, 0), backlog=128)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections have it of who listens
    return listening


def _hold_memory() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    size = ADDRESS_SPACE_BYTES if most == resource.RLIM_INFINITY else min(ADDRESS_SPACE_BYTES, most)
    resource.setrlimit(resource.RLIMIT_AS, (size, most))


async def _serve(run: Path, door: Door, listening: socket.socket) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            door,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws="none",
            limit_concurrency=256,
            timeout_keep_alive=120,
            timeout_graceful_shutdown=STOP_S,
        )
    )
    beating = asyncio.create_task(_beat(run, door, server))
    try:
        await server.serve(sockets=[listening])
    finally:
        beating.cancel()


async def _beat(run: Path, door: Door, server: uvicorn.Server) -> None:
    """Tell that all is ready, once it is, and then each second what was done."""
    while not server.started:  # noqa: ASYNC110  # the server has a flag for it and no event
        await asyncio.sleep(0.005)
    write_address(run, door.address)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    heart = Heart(run, "keeper", time.time_ns())
    while True:
        figures = await asyncio.to_thread(_figures, door)
        heart.beat(time.time_ns(), figures)
        await asyncio.sleep(BEAT_S)


def _figures(door: Door) -> dict[str, float]:
    counted = {name: float(getattr(door.counted, name)) for name in door.counted.__slots__}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    try:
        kept = door.engine.figures()
    except EngineFault:
        kept = {}
    return {**counted, **kept, "waiting": float(door.waiting), "peak_rss_bytes": peak}
