"""The door of a listener: who knocks costs us nothing until it has said something, and a few come in at a time.

Theory. A TLS handshake costs a millisecond of processor; ten thousand at once would hold up those who are inside. So
at most HANDSHAKES are under way. A peer that says nothing must not take such a place: a connection first waits
outside, at the cost of a file descriptor, until its whole first record lies there (the system wakes us only then, so
that bytes which come one by one cost nothing). One that stalls in the middle gives its place up after a second, though
it may still finish. Who waits is called address by address in turn, so that one address with thousands of connections
holds up only itself; when too many wait outside, the address with the most loses its oldest.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from carecordon.hub.gate.crowd import Crowd

HANDSHAKES = 30
PLACE_S, CROWDED_PLACE_S = 1.0, 0.1
"""After so long a handshake no longer counts as under way (the second: while many wait);"""
HANDSHAKE_S = 6.0
"""and after so long it is broken off."""
FIRST_BYTES_S = 6.0
CALLED_S = 30.0
"""Who said something and was not called for so long is let go: it has given up itself."""
PART_S = 1.0
"""Who sent a part of a hello is looked at again after so long."""
PAUSE_S = 0.5
"""Where a connection cannot be taken (no file descriptor is left), nothing is tried for so long."""
RECORD_HEAD, HANDSHAKE_RECORD, MAX_RECORD = 5, 22, 16_384
MAX_OUTSIDE = 8_192
MAX_STALLED = 2_048
"""One more, and the one that has stalled for longest is broken off. Each holds about 50 KB."""
ACCEPT_AT_ONCE = 64
BACKLOG = 2_048
log = structlog.get_logger("gate")


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a door leads to: its TLS, what serves a connection, and how many may be inside at most."""

    name: str
    context: ssl.SSLContext
    serve: Callable[[], asyncio.Protocol]
    is_full: Callable[[], bool]
    count: Callable[[str], None]
    """Counts what happened, by a short name."""


class Heard(StrEnum):
    """What lies at a connection that nobody has let in."""

    NOTHING = "hung_up"
    NO_TLS = "no_tls"
    PART = "part"
    HELLO = "hello"


_Outside = tuple[socket.socket, str, asyncio.TimerHandle]


class Door:
    """A listening socket and those who wait at it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, entrance: Entrance) -> None:
        """Serve `listener`, which is bound."""
        self._loop = loop
        self._listener = listener
        self._entrance = entrance
        self._outside: OrderedDict[int, _Outside] = OrderedDict()
        self._from: Counter[str] = Counter()
        self._called: Crowd[tuple[socket.socket, float]] = Crowd(HANDSHAKES)
        """Those whose hello is there, and until when each is waited with."""
        self._coming_in = 0
        self._stalled: OrderedDict[asyncio.Task[None] | None, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        listener.setblocking(False)

    @property
    def port(self) -> int:
        """Return the port."""
        return int(self._listener.getsockname()[1])

    @property
    def name(self) -> str:
        """Return its name."""
        return self._entrance.name

    @property
    def waiting(self) -> int:
        """Return how many connections are not inside yet."""
        return len(self._outside) + len(self._called) + self._coming_in + len(self._stalled)

    def open(self) -> None:
        """Begin to listen."""
        self._listener.listen(BACKLOG)
        self._loop.add_reader(self._listener, self._knock)

    def close(self) -> None:
        """Let nobody in any more; those who are inside stay."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for key in list(self._outside):
            self._let_go(key)
        while (called := self._called.next()) is not None:
            called[0].close()
        for task in list(self._tasks):
            task.cancel()

    def _knock(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                link, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as fault:  # no file descriptor is left, or the peer is gone already
                self._entrance.count("accept_failed")
                log.warning("accept_failed", door=self._entrance.name, why=str(fault))
                self._loop.remove_reader(self._listener)
                self._loop.call_later(PAUSE_S, self._go_on)
                return
            if self._entrance.is_full():
                self._entrance.count("full")
                link.close()
                continue
            link.setblocking(False)
            self._wait_outside(link, str(address[0]))

    def _go_on(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._knock)

    def _wait_outside(self, link: socket.socket, address: str) -> None:
        if len(self._outside) >= MAX_OUTSIDE:
            self._entrance.count("outside_full")
            most = self._from.most_common(1)[0][0]
            self._let_go(next(key for key, (_, whose, _) in self._outside.items() if whose == most))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, RECORD_HEAD)
        key = link.fileno()
        timer = self._loop.call_later(FIRST_BYTES_S, self._too_late, key)
        self._outside[key] = (link, address, timer)
        self._from[address] += 1
        self._loop.add_reader(link, self._speaks, key)

    def _take_in(self, key: int) -> tuple[socket.socket, str]:
        link, address, timer = self._outside.pop(key)
        timer.cancel()
        self._loop.remove_reader(link)
        self._from[address] -= 1
        if not self._from[address]:
            del self._from[address]
        return link, address

    def _let_go(self, key: int) -> None:
        link, _ = self._take_in(key)
        link.close()

    def _too_late(self, key: int) -> None:
        if key in self._outside:
            self._entrance.count("silent")
            self._let_go(key)

    def _speaks(self, key: int) -> None:
        """Call somebody whose whole hello is there; let go who hung up or speaks no TLS."""
        heard = _heard(self._outside[key][0])
        if heard is Heard.PART:  # where the system knows no such mark, the socket would wake us all the time
            _wake_when_whole(self._outside[key][0])
            self._loop.remove_reader(key)
            self._loop.call_later(PART_S, self._listen_again, key, self._outside[key])
            return
        link, address = self._take_in(key)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        if heard is not Heard.HELLO:
            self._entrance.count(heard.value)
            link.close()
            return
        if len(self._called) >= MAX_OUTSIDE:
            self._entrance.count("outside_full")
            self._called.give_up_one()[0].close()
        self._called.put(address, (link, self._loop.time() + CALLED_S))
        self._call()

    def _listen_again(self, key: int, waiting: _Outside) -> None:
        if self._outside.get(key) is waiting:
            self._loop.add_reader(key, self._speaks, key)

    def _call(self) -> None:
        """Let the next ones in while there are places."""
        while self._coming_in < HANDSHAKES and (called := self._called.next()) is not None:
            link, until = called
            if self._loop.time() > until:
                self._entrance.count("called_too_late")
                link.close()
                continue
            self._coming_in += 1
            task = self._loop.create_task(self._come_in(link))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _come_in(self, link: socket.socket) -> None:
        task, has_place = asyncio.current_task(), True

        def give_place() -> None:
            nonlocal has_place
            has_place = False
            self._coming_in -= 1
            self._stalled[task] = None
            if len(self._stalled) > MAX_STALLED:
                oldest, _ = self._stalled.popitem(last=False)
                if oldest is not None:
                    self._entrance.count("stalled_full")
                    oldest.cancel()
            self._call()

        place_s = CROWDED_PLACE_S if len(self._called) > HANDSHAKES else PLACE_S
        timer = self._loop.call_later(place_s, give_place)
        try:
            await self._loop.connect_accepted_socket(
                self._entrance.serve, link, ssl=self._entrance.context, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, asyncio.TimeoutError) as fault:  # noqa: UP041  # what uvloop raises, told by its old name
            self._entrance.count("handshake_failed")
            log.debug("handshake_failed", door=self._entrance.name, why=str(fault) or type(fault).__name__)
            link.close()
        finally:
            timer.cancel()
            self._coming_in -= has_place
            self._stalled.pop(task, None)
            self._call()


def _wake_when_whole(link: socket.socket) -> None:
    """Let a socket whose record has begun be readable when it is whole."""
    head = link.recv(RECORD_HEAD, socket.MSG_PEEK)
    if len(head) == RECORD_HEAD:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, RECORD_HEAD + int.from_bytes(head[3:], "big"))


def _heard(link: socket.socket) -> Heard:
    """Return what can be read, and leave it there. Source: RFC 8446 5.1 (a record: type, version, length)."""
    try:
        head = link.recv(RECORD_HEAD, socket.MSG_PEEK)
        if not head:
            return Heard.NOTHING
        if head[0] != HANDSHAKE_RECORD:
            return Heard.NO_TLS
        if len(head) < RECORD_HEAD:
            return Heard.PART
        length = RECORD_HEAD + int.from_bytes(head[3:], "big")
        if length > RECORD_HEAD + MAX_RECORD:
            return Heard.NO_TLS
        return Heard.HELLO if len(link.recv(length, socket.MSG_PEEK)) == length else Heard.PART
    except OSError:
        return Heard.NOTHING
