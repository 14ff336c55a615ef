"""A hub's folders, a gate as a process of its own, and devices that speak to it over real TLS."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import ConnectionClosed

from carecordon.hub.config import Paths
from carecordon.hub.gate.gate import Ports, ports_path
from carecordon.hub.pulse import read_pulses
from carecordon.hub.trust.access import make_enrol_token, read_enrol_token
from carecordon.hub.trust.authority import Authority, Issued, make_authority
from carecordon.model.device import DeviceKind, NewDevice
from carecordon.model.stream import Entry
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire.device_session import DeviceSession
from carecordon.wire.session import Acknowledged, DeviceEvent, Ended, Send, State, Welcomed
from tests.hub.web_kit import Web
from tests.wire.words import data_of

ODS = "RX9"
WAIT_S = 20.0
SETTINGS = """
ods = "RX9"
name = "St Example's"
partitions = 2
[listen]
host = "127.0.0.1"
devices = 0
enrol = 0
[limits]
reserve_bytes = {reserve_bytes}
device_events_per_s = {events_per_s}
device_burst_events = {burst_events}
max_lag_s = {max_lag_s}
"""


@dataclass(frozen=True)
class Hub:
    """A hub's folders, with its register open."""

    paths: Paths
    authority: Authority
    register: Register

    def token(self, uses: int = 1, expires: int | None = None, kind: DeviceKind = DeviceKind.AGENT) -> str:
        """Return the secret of a new enrolment token."""
        now = time.time_ns()
        token, text = make_enrol_token(
            self.authority.fingerprint, "wards", "admin", now, uses=uses, kind=kind, expires=expires
        )
        self.register.devices.add_enrol_token(token)
        return read_enrol_token(text).secret

    def entries(self) -> list[Entry]:
        """Return everything in stream 1."""
        stream = STREAM.open(str(self.paths.events), None)
        try:
            return [entry for partition in range(stream.partitions) for entry in stream.pull(partition, 0, 1 << 30)]
        finally:
            stream.close()

    def numbers(self, device: str, epoch: int | None = None) -> list[int]:
        """Return the numbers of a device's events in stream 1, in their order there."""
        return [
            number
            for entry in self.entries()
            if entry.part.sender == device and epoch in (None, entry.part.epoch)
            for number in range(entry.part.first + entry.skip, entry.part.last + 1 - entry.drop)
        ]


def make_hub(folder: Path, **limits: float) -> Hub:
    """Return a new hub in a folder."""
    given = {"reserve_bytes": 1_000_000, "events_per_s": 1e6, "burst_events": 1e6, "max_lag_s": 1e9} | limits
    paths = Paths(folder / "data", folder / "keys")
    paths.data.mkdir(parents=True)
    paths.settings.write_text(SETTINGS.format(**given), "utf-8")
    authority = make_authority(paths.keys, ODS, "St Example's", time.time_ns())
    REGISTER.prepare(str(paths.register))
    return Hub(paths, authority, REGISTER.open_register(str(paths.register)))


@dataclass
class Running:
    """A gate that runs."""

    hub: Hub
    process: subprocess.Popen[bytes]
    ports: Ports

    def figures(self) -> dict[str, float]:
        """Return its latest figures."""
        return next((pulse.figures for pulse in read_pulses(self.hub.paths.run) if pulse.name == "gate"), {})

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as its supervisor would, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)

    def log(self) -> list[dict[str, Any]]:
        """Return its log."""
        path = self.hub.paths.data / "gate.log"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.startswith("{")]


@contextlib.contextmanager
def running(hub: Hub) -> Iterator[Running]:
    """Run a gate until the end of the block."""
    command = [sys.executable, "-m", "carecordon.hub.gate", str(hub.paths.data), str(hub.paths.keys)]
    with (hub.paths.data / "gate.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=os.environ.copy())
    with process:
        try:
            said = process.stdout.readline() if process.stdout else b""
            if said != b"ready\n":
                raise AssertionError((hub.paths.data / "gate.log").read_text("utf-8"))
            yield Running(hub, process, msgspec.json.decode(ports_path(hub.paths).read_bytes(), type=Ports))
        finally:
            process.kill()


@dataclass
class Member:
    """An enrolled device: its id, its key and its certificate in a folder of its own."""

    hub: Hub
    folder: Path
    id: str
    key: ec.EllipticCurvePrivateKey

    def context(self, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """Return its TLS."""
        context = ssl.create_default_context(cafile=str(self.hub.paths.keys / "ca.crt"))
        context.maximum_version = maximum
        context.load_cert_chain(self.folder / "device.crt", self.folder / "device.key")
        return context

    def keep(self, chain: str) -> None:
        """Use this certificate from now on."""
        (self.folder / "device.crt").write_text(chain, "ascii")
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "device.key").write_bytes(pem)


def request_of(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a signing request (PEM)."""
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode("ascii")


def member(
    hub: Hub,
    folder: Path,
    *,
    authority: Authority | None = None,
    issued_ago_s: float = 0.0,
    name: str = "ward-pc-07",
    kind: DeviceKind = DeviceKind.AGENT,
) -> Member:
    """Return a device that the hub enrolled (by the register alone), with a certificate of `authority`."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    device_id = os.urandom(16).hex()
    at = time.time_ns() - int(issued_ago_s * 1e9)
    issued = (authority or hub.authority).issue(request_of(key), device_id, at)
    assert isinstance(issued, Issued)
    device = NewDevice(device_id, name, "Windows 11", kind, issued.certificate)
    hub.register.devices.add(device, "wards", at)
    made = Member(hub, folder, device_id, key)
    made.keep(issued.chain)
    return made


@dataclass
class Talk:
    """One session of a device with a gate."""

    member: Member
    port: int
    epoch: int = 7
    next_number: int = 0
    events: list[DeviceEvent] = field(default_factory=list)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    session: DeviceSession = field(init=False)
    web: Web = field(init=False)

    def __enter__(self) -> Self:
        """Connect, say hello and wait for the answer."""
        self.connect()
        self.until(lambda: self.session.state is not State.GREETING)
        return self

    def connect(self, *, says_hello: bool = True) -> None:
        """Connect and say hello."""
        self.session = DeviceSession("1.0", "ward-pc-07", "Windows 11", self.epoch, self.next_number, self.now())
        self.web = self.stack.enter_context(Web(self.port, self.member.context(), WAIT_S))
        if not says_hello:
            return
        hello = self.session.hello()
        with contextlib.suppress(ConnectionClosed):  # who is turned away may be told so before
            self.web.send(hello)

    def __exit__(self, *_: object) -> None:
        """Let go of the link."""
        self.stack.close()

    @staticmethod
    def now() -> int:
        """Return the time."""
        return time.monotonic_ns()

    def send(self, first: int, last: int, data: bytes | None = None) -> None:
        """Send a batch."""
        self.web.send(self.session.batch(first, last, data or data_of(first, last), self.now()))

    def until(self, is_so: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        """Take in what the gate says until something is so."""
        end = time.monotonic() + wait_s
        while not is_so():
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"it never came to pass; until then: {self.events}")
            try:
                message = self.web.recv(timeout=left)
            except TimeoutError:
                continue
            except ConnectionClosed as closed:
                raise AssertionError(f"the gate closed ({closed}); until then: {self.events}") from closed
            for event in self.session.receive(message, self.now()):
                if isinstance(event, Send):
                    with contextlib.suppress(ConnectionClosed):
                        self.web.send(event.message)
                else:
                    self.events.append(event)

    def acknowledged(self, mark: int) -> None:
        """Wait for the receipt up to `mark`."""
        self.until(lambda: self.session.mark >= mark)
        assert any(isinstance(event, Acknowledged | Welcomed) and event.mark >= mark for event in self.events)

    def ended(self) -> Ended:
        """Wait for the end, and return it."""
        self.until(lambda: self.session.state is State.ENDED)
        return next(event for event in self.events if isinstance(event, Ended))


def wait_for(is_so: Callable[[], bool], wait_s: float = WAIT_S) -> None:
    """Wait until something is so."""
    end = time.monotonic() + wait_s
    while not is_so():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)
