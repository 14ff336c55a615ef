"""A hub of its own for a bench: made in an empty folder, its devices certified at once, started, watched, ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from carecordon.agent.identity import Identity
from carecordon.cli.demo_hub import HOST, PORTS, Doors
from carecordon.exercise.fleet.credentials import Asked, certified
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.pulse import Pulse, read_pulses
from carecordon.hub.trust.authority import CA_CERTIFICATE, RequestRefused, open_authority
from carecordon.model.device import DeviceKind, NewDevice
from carecordon.model.errors import OurFault, TheirFault
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register

READY = b"ready after"
READY_S = 300.0
STOP_S = 90.0
LOOK_S = 0.02
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of its own is made in it
NAME = "Made-up Trust"


class Site:
    """A hub in a folder. `limits` are lines of the settings' table of that name."""

    def __init__(self, folder: Path, rules: Sequence[Path], limits: Sequence[str] = ()) -> None:
        """Make it; it does not run yet."""
        self.paths = Paths(folder / "data", folder / "keys")
        self._log = folder / "up.log"
        self._process: subprocess.Popen[bytes] | None = None
        found(self.paths, Wishes("XX1", NAME, "bench"), time.time_ns())
        listen = [f"{name} = {_free_port()}" for name in PORTS]
        named = msgspec.json.encode([str(one.resolve()) for one in rules]).decode()
        lines = [f"rules = {named}", "[listen]", f'host = "{HOST}"', *listen, "[limits]", *limits]
        with self.paths.settings.open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *lines, ""]))

    def devices(self, state: Path, names: Sequence[str]) -> list[Identity]:
        """Return devices that the hub knows, without a door to knock at."""
        with _in_memory(self.paths.register) as register:
            return self._certified(register, state, names)

    def _certified(self, register: Register, state: Path, names: Sequence[str]) -> list[Identity]:
        settings = read_settings(self.paths.settings)
        authority = open_authority(self.paths.keys, settings.ods)

        def issue(asked: Sequence[Asked]) -> list[tuple[str, str]]:
            made = []
            for name, request in asked:
                device, now = os.urandom(16).hex(), time.time_ns()
                issued = authority.issue(request, device, now)
                if isinstance(issued, RequestRefused):
                    raise OurFault(f"bench: a request of its own is refused: {issued.reason}")
                new = NewDevice(device, name, "exercise", DeviceKind.AGENT, issued.certificate)
                register.devices.add(new, "bench", now)
                made.append((device, issued.chain))
            return made

        pem = (self.paths.keys / CA_CERTIFICATE).read_text("ascii")
        return certified(state, names, HOST, settings.listen.devices, pem, issue)

    def start(self) -> float:
        """Start it; return after how many seconds every process was ready. Raises TheirFault where it does not."""
        command = [
            *(sys.executable, "-m", "carecordon", "up"),
            *("--data", str(self.paths.data), "--keys", str(self.paths.keys)),
        ]
        began = time.monotonic()
        with self._log.open("wb") as words:
            self._process = subprocess.Popen(command, stdout=words, stderr=words, start_new_session=True)  # noqa: S603  # our own command
        while READY not in self._log.read_bytes():
            if self._process.poll() is not None or time.monotonic() - began > READY_S:
                raise TheirFault(f"the hub did not start; its words: {self._words()}")
            time.sleep(LOOK_S)
        took = time.monotonic() - began
        while not (self.paths.run / "gate.json").exists():
            time.sleep(LOOK_S)
        return took

    def doors(self) -> Doors:
        """Return where it listens."""
        return msgspec.json.decode((self.paths.run / "gate.json").read_bytes(), type=Doors)

    def pulses(self) -> dict[str, Pulse]:
        """Return what its processes last said, by name."""
        return {pulse.name: pulse for pulse in read_pulses(self.paths.run)}

    def pids(self) -> dict[str, int]:
        """Return the number of each of its processes."""
        found = {name: pulse.pid for name, pulse in self.pulses().items()}
        return found if self._process is None else {"supervisor": self._process.pid, **found}

    def kill(self, name: str) -> None:
        """End one process as a fault would."""
        os.kill(self.pulses()[name].pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it as a person would; what does not end is killed."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _words(self) -> str:
        return self._log.read_text("utf-8", "replace").strip()[-500:]


@contextmanager
def _in_memory(path: Path) -> Iterator[Register]:
    """Open a hub's register where no commit waits for a disk, and put it back; on disk it would take minutes."""
    with tempfile.TemporaryDirectory(prefix="carecordon-bench-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        place = Path(folder) / path.name
        shutil.copy2(path, place)
        SQLITE.prepare(str(place))
        register = SQLITE.open_register(str(place))
        try:
            yield register
        finally:
            register.close()
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        shutil.copy2(place, path)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind((HOST, 0))
        port: int = held.getsockname()[1]
        return port
