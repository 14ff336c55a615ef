"""A whole hub as a person starts it, `carecordon up` in a fresh folder, whose processes may be killed one by one."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from carecordon.agent.identity import Identity
from carecordon.exercise.fleet.credentials import Asked, certified
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.pulse import read_pulses
from carecordon.hub.trust.authority import Issued, open_authority
from carecordon.model.device import DeviceKind, NewDevice
from carecordon.register.backends.sqlite import SQLITE as REGISTER

HOST = "127.0.0.1"
SUPERVISOR = "supervisor"
PROCESSES = ("gate", "worker-0", "triage", "carry", "api", "keeper")
"""Those of a hub with one worker."""
READY_S = 90.0
STOP_S = 60.0
_MODULES = {
    "carecordon.hub.gate": "gate",
    "carecordon.hub.triage": "triage",
    "carecordon.hub.carry": "carry",
    "carecordon.console.app": "api",
    "carecordon.hub.keeper": "keeper",
}


@dataclass
class Trust:
    """A hub that runs. `command` may put something before its own, as a tracer."""

    paths: Paths
    up: subprocess.Popen[bytes]
    port: int
    reserve_bytes: int
    workers: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Return what its processes are called, but for the supervisor."""
        return (*PROCESSES, *(f"worker-{number}" for number in range(1, self.workers)))

    def start(self) -> None:
        """Start it, as its service would after its end."""
        self.up = _started(self.paths, self.workers)

    def pids(self) -> dict[str, int]:
        """Return the numbers of its processes that run, by name."""
        return {SUPERVISOR: self.up.pid, **children(self.up.pid)}

    def is_ready(self, name: str, other_than: int | None = None) -> bool:
        """Return whether a process told how it is, as another than before where that is given."""
        pid = self.pids().get(name)
        return (
            pid is not None
            and pid != other_than
            and (name, pid) in {(pulse.name, pulse.pid) for pulse in read_pulses(self.paths.run)}
        )

    def wait_ready(self, within_s: float = READY_S) -> None:
        """Wait until all processes have told how they are. Raises AssertionError where they do not in time."""
        wait_for(lambda: all(map(self.is_ready, self.names)), within_s, "the hub is ready", self.words)

    def words(self) -> str:
        """Return the last words of all its processes."""
        logs = [*sorted(self.paths.logs.glob("*.log")), self.paths.data / "up.log"]
        return "\n".join(f"{log.name}: {log.read_text('utf-8', 'replace')[-1500:]}" for log in logs if log.exists())

    def identities(self, folder: Path, names: Sequence[str]) -> list[Identity]:
        """Return devices that the hub knows, certified all at once."""
        authority = open_authority(self.paths.keys, read_settings(self.paths.settings).ods)
        register = REGISTER.open_register(str(self.paths.register))
        now = time.time_ns()

        def issue(asked: Sequence[Asked]) -> list[tuple[str, str]]:
            issued = []
            for name, request in asked:
                device = os.urandom(16).hex()
                one = authority.issue(request, device, now)
                assert isinstance(one, Issued)
                new = NewDevice(device, name, "exercise", DeviceKind.AGENT, one.certificate)
                register.devices.add(new, "fleet", now)
                issued.append((device, one.chain))
            return issued

        try:
            pem = ssl.DER_cert_to_PEM_cert(authority.certificate.public_bytes(Encoding.DER))
            return certified(folder, names, HOST, self.port, pem, issue)
        finally:
            register.close()

    def stop(self) -> None:
        """End it, and whatever of it is left."""
        left = children(self.up.pid)
        with suppress(ProcessLookupError):
            self.up.send_signal(signal.SIGTERM)
        for pid in left.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        try:
            self.up.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.up.kill()
            self.up.wait()
        for pid in left.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def trust_in(
    folder: Path,
    *,
    reserve_bytes: int = 1_000_000,
    webhook: str | None = None,
    secret: str = "",
    more: str = "",
    workers: int = 1,
) -> Iterator[Trust]:
    """Found a hub in a folder, run it, and end it. `webhook`: who is told; `more`: further settings."""
    paths = Paths(folder / "data", folder / "keys")
    found(paths, Wishes("XX1", "Made-up Trust", "chaos"), time.time_ns())
    ports = {name: free_port() for name in ("devices", "enrol", "api")}
    lines = [
        "[limits]",
        f"reserve_bytes = {reserve_bytes}",
        "device_events_per_s = 5000.0",
        "device_burst_events = 200000.0",
        "[listen]",
        f'host = "{HOST}"',
        *(f"{name} = {port}" for name, port in ports.items()),
    ]
    if webhook is not None:
        kept = paths.keys / "hook.secret"
        kept.touch(0o600)
        kept.write_text(secret, "utf-8")
        lines += ["[[notify.webhook]]", f'url = "{webhook}"', f'secret_file = "{kept.resolve()}"']
    with paths.settings.open("a", encoding="utf-8") as file:
        file.write("\n" + "\n".join(lines) + f"\n{more}\n")
    trust = Trust(paths, _started(paths, workers), ports["devices"], reserve_bytes, workers)
    try:
        trust.wait_ready()
        yield trust
    finally:
        trust.stop()


def wait_for(claim: Callable[[], bool], within_s: float, what: str, words: Callable[[], str] = str) -> None:
    """Wait until something holds. Raises AssertionError, with what was hoped for, where it does not in time."""
    end = time.monotonic() + within_s
    while not claim():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s:.0f} s: {what}\n{words()}")
        time.sleep(0.02)


def children(parent: int) -> dict[str, int]:
    """Return the hub's processes under a supervisor by name; none where it is gone."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for pid in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()):
            with suppress(OSError, IndexError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").split(" ")
                name = _name_of(words)
                if name is not None:
                    found[name] = pid
    return found


def _name_of(words: list[str]) -> str | None:
    """Return what a command line is called among the hub's jobs."""
    module = words[words.index("-m") + 1] if "-m" in words else ""
    if module == "carecordon.hub.worker":
        return f"worker-{words[words.index('-m') + 4]}"
    return _MODULES.get(module)


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, told or not."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:
        return True


def free_port() -> int:
    """Return a port that nobody has at present."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        port: int = held.getsockname()[1]
        return port


def _started(paths: Paths, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "carecordon", "up", "--data", str(paths.data), "--keys", str(paths.keys)]
    with (paths.data / "up.log").open("ab") as words:
        return subprocess.Popen(
            [*command, "--workers", f"{workers}"],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
