"""Strangers at a gate's door, thousands in a process of their own; who is let go of comes again at once.

`python -m tests.hub.strangers PORT MANNER COUNT ADDRESSES FOLDER`, or `strangers` as a block; figures lie in FOLDER.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import select
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import count
from pathlib import Path

import msgspec
import uvloop

HOST = "127.0.0.1"
EVERY_S = 2.0
"""So often somebody slow says a byte more."""
PATIENCE_S = 30.0
TOLD_S = 0.2
AT_ONCE = 200
IP_BIND_ADDRESS_NO_PORT = 24
"""Source: linux/in.h; not every Python names it."""
FIGURES = "strangers.json"
HEAD = b"POST /renew HTTP/1.1\r\nHost: hub\r\nContent-Length: 9000\r\n\r\n"


class Manner(StrEnum):
    """How a stranger behaves."""

    DRIP = "drip"
    """Its hello comes byte by byte, and is never whole."""
    FAIL = "fail"
    """A whole hello, and nonsense behind it: the handshake costs the gate its signature, and fails."""
    LORIS = "loris"
    """A whole handshake and the head of a request, whose body comes byte by byte."""


class Figures(msgspec.Struct):
    """What the strangers did: connections held now, the most so far, begun, and let go of by the gate."""

    held: int = 0
    most: int = 0
    begun: int = 0
    ended: int = 0


@dataclass(frozen=True)
class Band:
    """Strangers that are at it."""

    folder: Path

    def figures(self) -> Figures:
        """Return what they did so far."""
        try:
            return msgspec.json.decode((self.folder / FIGURES).read_bytes(), type=Figures)
        except FileNotFoundError:
            return Figures()


@contextlib.contextmanager
def strangers(port: int, manner: Manner, number: int, addresses: int, folder: Path) -> Iterator[Band]:
    """Let so many strangers, from so many addresses, be at a door until the end of the block."""
    folder.mkdir()
    words = [str(port), manner.value, str(number), str(addresses), str(folder)]
    process = subprocess.Popen([sys.executable, "-m", "tests.hub.strangers", *words], env=os.environ.copy())
    try:
        yield Band(folder)
    finally:
        process.kill()
        process.wait()


def address_of(number: int, addresses: int) -> str:
    """Return one of so many addresses of this machine, none of which is its usual one."""
    place = number % addresses
    return f"127.{1 + place // 62_500}.{place // 250 % 250}.{1 + place % 250}"


def client_hello() -> bytes:
    """Return the first bytes of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _trusting().wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
    return outgoing.read()


@cache
def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _fail(link: socket.socket, hello: bytes) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(link, hello)
    await loop.sock_recv(link, 65_536)
    await loop.sock_sendall(link, b"\x17\x03\x03\x00\x20" + bytes(32))
    while await loop.sock_recv(link, 65_536):
        pass


async def _loris(link: socket.socket, _: bytes) -> None:
    reader, writer = await asyncio.open_connection(sock=link, ssl=_trusting(), server_hostname=HOST)
    try:
        writer.write(HEAD)
        while True:
            writer.write(b" ")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    if not await reader.read(64):
                        return
    finally:
        writer.transport.abort()


MANNERS: dict[Manner, Callable[[socket.socket, bytes], Awaitable[None]]] = {
    Manner.FAIL: _fail,
    Manner.LORIS: _loris,
}


async def _come_again(
    port: int, manner: Manner, hello: bytes, addresses: int, numbers: Iterator[int], told: Figures
) -> None:
    """Be one stranger for ever."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as link, contextlib.suppress(OSError, TimeoutError):
            link.setblocking(False)
            link.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            link.bind((address_of(next(numbers), addresses), 0))
            async with asyncio.timeout(PATIENCE_S):
                await loop.sock_connect(link, (HOST, port))
                told.begun += 1
                told.held += 1
                told.most = max(told.most, told.held)
                try:
                    await MANNERS[manner](link, hello)
                finally:
                    told.held -= 1
                    told.ended += 1
        await asyncio.sleep(0.01)


class Drip:
    """Those whose hello never ends: so cheap to be that one process is thousands of them."""

    def __init__(self, port: int, number: int, addresses: int) -> None:
        self.told = Figures()
        self._port, self._number, self._addresses = port, number, addresses
        self._hello = client_hello()
        self._numbers = count()
        self._poll = select.epoll()
        self._links: dict[int, socket.socket] = {}
        self._in: set[int] = set()
        self._due: deque[tuple[float, socket.socket, int]] = deque()
        """When a link says its next byte, and which."""

    def turn(self) -> None:
        """Come again as those who were let go of, and say the bytes that are due."""
        for _ in range(min(AT_ONCE, self._number - len(self._links))):
            self._begin()
        for key, event in self._poll.poll(0.01):
            if event == select.EPOLLOUT:
                self._established(self._links[key])
            else:
                self._end(key)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, link, at = self._due.popleft()
            if link.fileno() >= 0:
                self._say(link, at)

    def _begin(self) -> None:
        link = socket.socket()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        link.bind((address_of(next(self._numbers), self._addresses), 0))
        link.connect_ex((HOST, self._port))
        self._links[link.fileno()] = link
        self._poll.register(link, select.EPOLLOUT)

    def _established(self, link: socket.socket) -> None:
        self._in.add(link.fileno())
        self.told.begun += 1
        self.told.held = len(self._in)
        self.told.most = max(self.told.most, self.told.held)
        self._poll.modify(link, select.EPOLLIN)
        self._say(link, 0)

    def _say(self, link: socket.socket, at: int) -> None:
        with contextlib.suppress(OSError):  # its end is told by the poll
            link.send(self._hello[at : at + 1])
            self._due.append((time.monotonic() + EVERY_S, link, at + 1))

    def _end(self, key: int) -> None:
        link = self._links.pop(key)
        self._poll.unregister(link)
        link.close()
        self._in.discard(key)
        self.told.held = len(self._in)
        self.told.ended += 1


async def main(port: int, manner: Manner, number: int, addresses: int, folder: Path) -> None:
    """Be at it until killed."""
    parent = os.getppid()
    if manner is Manner.DRIP:
        drip = Drip(port, number, addresses)
        while os.getppid() == parent:
            end = time.monotonic() + TOLD_S
            while time.monotonic() < end:
                drip.turn()
            _tell(drip.told, folder)
        return
    told, numbers, hello = Figures(), count(), client_hello()
    held = [asyncio.ensure_future(_come_again(port, manner, hello, addresses, numbers, told)) for _ in range(number)]
    while os.getppid() == parent and held:
        _tell(told, folder)
        await asyncio.sleep(TOLD_S)


def _tell(told: Figures, folder: Path) -> None:
    new = folder / f"{FIGURES}.new"
    new.write_bytes(msgspec.json.encode(told))
    new.replace(folder / FIGURES)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), Manner(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])))
