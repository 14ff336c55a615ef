"""A hub of its own for an exercise: made in an empty folder, on ports that are free, started, and ended."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from carecordon.cli.hub_line import Line
from carecordon.hub.config import Paths
from carecordon.hub.founding import Wishes, found
from carecordon.model.errors import TheirFault

READY_S = 180.0
STOP_S = 60.0
HOST = "127.0.0.1"
PORTS = ("devices", "enrol", "api")


class Doors(msgspec.Struct, frozen=True):
    """Where the hub listens for devices, and for those that are not enrolled yet."""

    devices: int
    enrol: int


@contextmanager
def hub_in(paths: Paths, name: str) -> Iterator[Doors]:
    """Make a hub, run it, yield its doors, and end it. Raises TheirFault where it does not start."""
    found(paths, Wishes("XX1", name, "demo"), time.time_ns())
    ports = "\n".join(f"{name} = {_free_port()}" for name in PORTS)
    with paths.settings.open("a", encoding="utf-8") as file:
        file.write(f'\n[listen]\nhost = "{HOST}"\n{ports}\n')
    command = [sys.executable, "-m", "carecordon", "up", "--data", str(paths.data), "--keys", str(paths.keys)]
    log = paths.data / "up.log"
    with log.open("wb") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, start_new_session=True)  # noqa: S603  # our own command
    try:
        yield _doors(paths, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        if process.poll() is None:
            process.kill()


def enrol_token(paths: Paths, uses: int) -> str:
    """Return a token that so many devices may enrol with."""
    asked = {"label": "exercise", "uses": uses, "hours": 1, "kind": "agent"}
    made = json.loads(Line(paths).post("/enrol-tokens", asked))
    token = made["token"]
    assert isinstance(token, str)  # noqa: S101  # the API's contract
    return token


def _free_port() -> int:
    with socket.socket() as held:
        held.bind((HOST, 0))
        port: int = held.getsockname()[1]
        return port


def _doors(paths: Paths, process: subprocess.Popen[bytes], log: Path) -> Doors:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise TheirFault(f"the hub did not start; its words: {log.read_text('utf-8', 'replace').strip()[-500:]}")
        if b"ready after" in log.read_bytes() and (paths.run / "gate.json").exists():
            return msgspec.json.decode((paths.run / "gate.json").read_bytes(), type=Doors)
        time.sleep(0.1)
    raise TheirFault(f"the hub was not ready within {READY_S:.0f} s; see {paths.logs}")
