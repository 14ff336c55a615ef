"""One connection of the enrolment path: HTTP/1.1, one request, one answer, small and in time.

Theory. Places are few, and strangers may hold each for as long as a slow request is allowed to take. So nobody who
comes is turned away for want of one: the place is taken from whoever has dawdled over its request for longest, first
among those of the same address. An honest request is whole within a round trip, and its answer is waited for; it would
have to be overtaken by as many handshakes as there are places to lose its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Places
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import h11
import structlog

from carecordon.hub.gate.bucket import Bucket
from carecordon.hub.trust.enrolment import BAD_REQUEST, Answer, refused

MAX_BODY = 40_000
MAX_HEAD = 8_192
HEAD_S = 2.0
"""From the TLS handshake to the end of the request's head;"""
REQUEST_S = 8.0
"""and to the end of the request, or for who does not take its answer."""
PER_MINUTE = 10_000
BURST = 500
RENEW = "/renew"
SHARE = 2
"""One address may have one of so many parts of this, and so may renewals, which nobody's enrolling then holds up."""
MAX_PENDING = 500
"""Requests that wait for the one thread that answers them."""
MAX_LINKS = 512
"""Connections,"""
MAX_OF_ADDRESS = 32
"""and those of one address; one more, and the one that has dawdled for longest makes room."""
MAX_ADDRESSES = 10_000
TOO_LARGE, TOO_MANY, WRONG_METHOD, BUSY = 413, 429, 405, 503
log = structlog.get_logger("enrolment")


class Counter:
    """What all connections of the path share: how fast they may come, what is being answered, and figures."""

    def __init__(
        self,
        answer: Callable[[str, bytes], Awaitable[Answer]],
        clock: Callable[[], int],
        count: Callable[[str], None],
    ) -> None:
        """`answer` is not called faster than the limit; `clock` never goes back (ns)."""
        self.answer = answer
        self.clock = clock
        self.count = count
        self.bucket = Bucket(PER_MINUTE / 60.0, BURST, clock())
        self.links: dict[EnrolmentLink, None] = {}
        """In the order in which they came."""
        self._places: Places[str] = Places()
        """How many connections each address has."""
        self.pending = 0
        self._renewals = self._part()
        self._addresses: OrderedDict[str, Bucket] = OrderedDict()

    def enter(self, link: EnrolmentLink) -> None:
        """Give a link a place, if need be that of another; its own is lost where all others wait for their answers."""
        self.links[link] = None
        self._places[link.address] += 1
        if self._places[link.address] > MAX_OF_ADDRESS:
            self._make_room([one for one in self.links if one.address == link.address], "enrol_crowded")
        elif len(self.links) > MAX_LINKS:
            self._make_room(self.links, "enrol_full")

    def leave(self, link: EnrolmentLink) -> None:
        """Take back a link's place, if it has one."""
        if link in self.links:
            del self.links[link]
            self._places[link.address] -= 1
            if not self._places[link.address]:
                del self._places[link.address]

    def _make_room(self, links: Iterable[EnrolmentLink], why: str) -> None:
        self.count(why)
        dawdler = next(one for one in links if not one.is_asking)  # the newest has asked for nothing yet
        self.leave(dawdler)
        dawdler.drop()

    def take(self, address: str, path: str) -> float:
        """Return 0.0 where a request may be answered now, else for how many seconds to wait."""
        now = self.clock()
        own = self._addresses.setdefault(address, self._part())
        self._addresses.move_to_end(address)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)
        weight = float(SHARE) if path == RENEW else 1.0  # of renewals, too, one address has but a part
        return own.take(weight, now) or (self._renewals if path == RENEW else self.bucket).take(1.0, now)

    def is_busy(self, path: str) -> bool:
        """Return whether too many wait for an answer already; a part of the places is for renewals alone."""
        return self.pending >= (MAX_PENDING if path == RENEW else MAX_PENDING - MAX_PENDING // SHARE // 2)

    def _part(self) -> Bucket:
        return Bucket(PER_MINUTE / 60.0 / SHARE, BURST / SHARE, self.clock())


class EnrolmentLink(asyncio.Protocol):
    """A connection."""

    def __init__(self, counter: Counter) -> None:
        """Serve one request by `counter`."""
        self._counter = counter
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self.address = ""
        self.is_asking = False
        """Its request is whole, and is being answered."""
        self._path = ""
        self._body = bytearray()
        self._is_read = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the request."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self._wait(HEAD_S)
        self._counter.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._counter.leave(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on; what comes after the request is not read."""
        if self._is_read or self._transport is None:
            return
        try:
            self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError as fault:
            self._refuse(fault.error_status_hint, "this is no HTTP request that is served here", str(fault))

    def eof_received(self) -> None:
        """Let the transport close itself."""

    def drop(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _read(self) -> None:
        while not self._is_read:
            event = self._http.next_event()
            match event:
                case h11.Request(method=method, target=target):
                    self._path = target.decode("ascii", "replace")
                    self._wait(REQUEST_S)
                    if method != b"POST":
                        self._refuse(WRONG_METHOD, "only POST is served here")
                case h11.Data(data=data):
                    self._body += data
                    if len(self._body) > MAX_BODY:
                        self._refuse(TOO_LARGE, f"at most {MAX_BODY} bytes are read")
                case h11.EndOfMessage():
                    self._ask()
                case _:
                    return

    def _ask(self) -> None:
        """Have the request answered, if it may be."""
        self._is_read = True
        counter = self._counter
        if counter.take(self.address, self._path):
            self._say(refused(TOO_MANY, "too many enrol at once: come again later", "enrol_rate"))
        elif counter.is_busy(self._path):
            self._say(refused(BUSY, "the hub is busy: come again later", "enrol_busy"))
        else:
            counter.pending += 1
            self.is_asking = True
            self._task = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        try:
            answer = await self._counter.answer(self._path, bytes(self._body))
        except OSError as fault:
            answer = refused(BUSY, "the hub cannot reach its register: come again later", "enrol_failed", str(fault))
        finally:
            self._counter.pending -= 1
            self.is_asking = False
        self._say(answer)

    def _refuse(self, status: int, text: str, why: str = "") -> None:
        self._is_read = True
        self._say(refused(status or BAD_REQUEST, text, "enrol_http", why))

    def _say(self, answer: Answer) -> None:
        """Send the answer and close."""
        self._counter.count(answer.event)
        log.info(answer.event, status=answer.status, device=answer.device, why=answer.why)
        if self._transport is None:
            return
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        if answer.status in (TOO_MANY, BUSY):
            headers.append(("Retry-After", "10"))
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for event in (h11.Response(status_code=answer.status, headers=headers), h11.Data(data=answer.body)):
                self._transport.write(self._http.send(event) or b"")
            self._transport.write(self._http.send(h11.EndOfMessage()) or b"")
        self._transport.close()

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._counter.count("enrol_slow")
        self.drop()
