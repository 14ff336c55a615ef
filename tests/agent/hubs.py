"""A small hub for tests: a real CA, TLS 1.3 with client certificates, the hub's own end of the session."""

from __future__ import annotations

import asyncio
import http.server
import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from carecordon.agent.identity import Hub, Identity, make_key, make_request, settle
from carecordon.hub.trust.authority import Authority, Issued, make_authority
from carecordon.wire import codec
from carecordon.wire.hub_session import HubSession
from carecordon.wire.messages import Credit
from carecordon.wire.session import MAX_MESSAGE_BYTES, Ended, Greeted, Offered, RenewalAsked, Send

FREE = Credit(1e6, 0.0)
SECRET = "5" * 64
DEVICE = "d" * 32


def make_ca(folder: Path, ods: str = "X26") -> Authority:
    """Return a CA with the certificate of its server beside it."""
    authority = make_authority(folder, ods, "Example Trust", time.time_ns())
    authority.issue_server(folder, ["hub.example.org"], time.time_ns())
    return authority


def pem(authority: Authority) -> str:
    return ssl.DER_cert_to_PEM_cert(authority.certificate.public_bytes(_der()))


def _der() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  # only this line needs it

    return Encoding.DER


def enrolled(authority: Authority, folder: Path, port: int, device: str = DEVICE, days: float = 30) -> Identity:
    """Return a device that has its certificate, without a server that gave it."""
    key = make_key()
    issued = authority.issue(make_request(key, "ward-pc-07"), device, time.time_ns(), days=days)
    assert isinstance(issued, Issued)
    return settle(folder, Hub("127.0.0.1", port, device, pem(authority)), key, issued.chain)


def server_context(keys: Path, *, with_clients: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    if with_clients:
        context.load_verify_locations(keys / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass
class TestHub:
    """What a small hub has on its disk, and how it behaves; `before` may refuse or end before a batch is kept."""

    __test__ = False
    authority: Authority
    keys: Path
    port: int = 0
    credit: Credit = FREE
    marks: dict[int, int] = field(default_factory=dict)
    kept: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    """Epoch, first, last and batch of everything taken, in order."""
    hellos: list[tuple[int, int]] = field(default_factory=list)
    before: Callable[[HubSession, int, int], bytes | None] = lambda *_: None
    on_hello: Callable[[HubSession], bytes | None] = lambda _: None
    clock: Callable[[], int] = time.time_ns
    days: float = 30
    renewals: int = 0
    sockets: set[ServerConnection] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)
    shown: list[tuple[bytes, bool]] = field(default_factory=list)
    """The certificate (DER) of each session, and whether that was resumed."""

    def lines(self) -> list[str]:
        """Return the command lines of everything taken, in order."""
        return [
            str(table.complete(row).get("CommandLine", table.complete(row).get("Message", "")))
            for *_, data in self.kept
            for table in [codec.decode(data)]
            for row in range(len(table))
        ]

    async def serve(self, socket: ServerConnection) -> None:
        session = HubSession(time.monotonic_ns())
        self.sockets.add(socket)
        secure: ssl.SSLObject = socket.transport.get_extra_info("ssl_object")
        self.shown.append((secure.getpeercert(binary_form=True) or b"", bool(secure.session_reused)))
        with suppress(ConnectionClosed):
            async for message in socket:
                assert isinstance(message, bytes)
                for event in session.receive(message, time.monotonic_ns()):
                    for answer in self._answer(session, event):
                        await socket.send(answer)
        self.sockets.discard(socket)

    def _answer(self, session: HubSession, event: object) -> list[bytes]:
        match event:
            case Send(message):
                return [message]
            case Greeted(hello):
                self.hellos.append((hello.epoch, hello.next))
                last = self.on_hello(session)
                mark = self.marks.get(hello.epoch, -1)
                return [last if last is not None else session.welcome(self.clock(), mark, self.credit)]
            case Offered(batch):
                answer = self.before(session, batch.first, batch.last)
                if answer is not None:
                    return [answer]
                mark = self.marks.get(batch.epoch, -1)
                if batch.last > mark:
                    self.kept.append((batch.epoch, batch.first, batch.last, batch.data))
                    self.marks[batch.epoch] = batch.last
                return [session.receipt(self.marks[batch.epoch], self.credit)]
            case RenewalAsked(request):
                self.renewals += 1
                issued = self.authority.issue(request, DEVICE, time.time_ns(), days=self.days)
                assert isinstance(issued, Issued)
                return [session.issued(issued.chain)]
            case Ended(reason):
                self.ended.append(reason)
        return []

    async def cut(self) -> None:
        """Break every connection, without a word."""
        for socket in list(self.sockets):
            socket.transport.abort()


@asynccontextmanager
async def running(hub: TestHub, port: int = 0) -> AsyncIterator[TestHub]:
    """Let a small hub listen."""
    context = server_context(hub.keys, with_clients=True)
    listening = await serve(
        hub.serve, "127.0.0.1", port, ssl=context, compression=None, ping_interval=None, max_size=MAX_MESSAGE_BYTES
    )
    async with listening:
        hub.port = next(iter(listening.sockets)).getsockname()[1]
        yield hub


@contextmanager
def enrolling(
    ca: Authority, keys: Path, devices_port: int = 8443, status: int = 200, changes: Mapping[str, object] | None = None
) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """Let a door for enrolling listen; yield its port and what it was told."""
    told: list[dict[str, str]] = []

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append(body)
            issued = ca.issue(body["request"], DEVICE, time.time_ns())
            assert isinstance(issued, Issued)
            answer = {"device": DEVICE, "certificate": issued.chain, "authority": pem(ca)}
            content = json.dumps({**answer, "devices_port": devices_port, **(changes or {})}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with _Listening(server_context(keys, with_clients=False), Door) as server:
        yield server.server_address[1], told


class _Listening(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, door: type[http.server.BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), door)
        self._context = context
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError), self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


async def until(holds: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until something holds; fails where it does not in time."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come to pass in time"
        await asyncio.sleep(0.005)
