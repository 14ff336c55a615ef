"""One device's connection: WebSocket frames in and out of a pure session, with nothing waiting without a bound.

The frames are read by the sans-I/O part of `websockets`; what carries them is an asyncio transport with TLS on it. So
a message costs no task and no queue, and another transport could take this file's place.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Protocol, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State as WebState
from websockets.server import ServerProtocol

from carecordon.hub.gate.admission import Visitor
from carecordon.wire.hub_session import HubSession
from carecordon.wire.messages import Hello
from carecordon.wire.session import MAX_MESSAGE_BYTES, Ended, HubEvent, Send

UPGRADE_S = 5.0
"""From the TLS handshake to the WebSocket's own."""
MAX_HELD = 16
"""Batches of one link that wait to be written before nothing more is read from it,"""
MAX_HELD_BYTES = 2 * 1024 * 1024
"""and bytes of them."""
MAX_FRAMES = 5_000
"""Frames between two ticks, ten seconds apart: an honest device with its window always full sends half of that."""
WRITE_HIGH_BYTES = 64 * 1024
CLOSE_S = 5.0
NANOSECONDS = 1_000_000_000
_QUIET = logging.getLogger("carecordon.websockets")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Owner(Protocol):
    """What a link tells."""

    def clock(self) -> int:
        """Return the time, ns of a clock that never goes back."""
        ...

    def arrived(self, link: Link, certificate: bytes, *, is_resumed: bool) -> None:
        """Take in a link whose peer showed this certificate (DER), now or in the session that it resumes."""
        ...

    def said(self, link: Link, events: Sequence[HubEvent]) -> None:
        """Take in what its session made of what came."""
        ...

    def weigh(self, link: Link, change_bytes: int) -> None:
        """Take in how much more (or less) of an unfinished message a link holds."""
        ...

    def left(self, link: Link, reason: str) -> None:
        """Take in that the link is gone; called once for each that arrived."""
        ...


class Link(asyncio.Protocol):
    """A device's connection."""

    __slots__ = (
        "_close_at",
        "_frames",
        "_is_full",
        "_is_stuck",
        "_opened_at",
        "_owner",
        "_parts",
        "_reason",
        "_transport",
        "_turned",
        "_web",
        "_weight",
        "acked",
        "asked",
        "device",
        "granted",
        "greeting",
        "held",
        "held_bytes",
        "number",
        "recount",
        "session",
        "visitor",
    )

    def __init__(self, owner: Owner, number: int) -> None:
        """Serve `owner`; `number` tells this link from all others of the process."""
        self._owner = owner
        self._web = ServerProtocol(max_size=MAX_MESSAGE_BYTES, logger=_QUIET)
        self._transport: asyncio.Transport | None = None
        self._parts: bytearray | None = None
        self._weight = 0
        self._frames = 0
        self._turned: tuple[bytes, str] | None = None
        self._is_full = False
        self._is_stuck = False
        self._reason = ""
        self._opened_at = owner.clock()
        self._close_at: int | None = None
        self.number = number
        self.session = HubSession(self._opened_at)
        self.visitor: Visitor | None = None
        self.device: str | None = None
        """Set once it was let in."""
        self.greeting: Hello | None = None
        """What it said before it was known whether it may come in."""
        self.granted = -1
        """The mark in its welcome: what is up to here was on disk before this session."""
        self.acked = -1
        """The highest number of this session that is on disk."""
        self.held = 0
        self.held_bytes = 0
        self.asked = 0
        """Pongs that are owed; see Reception."""
        self.recount: str | None = None
        """Why its numbers are to be given anew, once everything that it sent is written."""

    @property
    def is_open(self) -> bool:
        """Return whether anything can still be said on it."""
        return self._transport is not None and self._close_at is None

    @property
    def is_leaving(self) -> bool:
        """Return whether its last word was said, and only its end is waited for."""
        return self._close_at is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: TLS is up, and the peer holds the key of the certificate that it showed."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        secure: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        certificate = None if secure is None else secure.getpeercert(binary_form=True)
        self._owner.arrived(self, certificate or b"", is_resumed=secure is not None and bool(secure.session_reused))

    def data_received(self, data: bytes) -> None:
        """Read frames, and tell what the session makes of them."""
        self._web.receive_data(data)
        for event in self._web.events_received():
            if isinstance(event, Request):
                self._web.send_response(self._web.accept(event))
                if self._turned is not None:
                    self.finish(*self._turned)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        weight = len(self._web.reader.buffer) + len(self._parts or b"")
        if weight != self._weight:
            change, self._weight = weight - self._weight, weight
            self._owner.weigh(self, change)

    def eof_received(self) -> None:
        """Take in that the peer will say nothing more; the transport closes itself."""
        self._web.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: whatever the session was in, nothing more can be said."""
        self._transport = None
        self._owner.weigh(self, -self._weight)
        self._weight, self._parts = 0, None
        # Both hold what holds them, and the collector does not look at what is old: it would never be given back.
        self._web.parser.close()
        self._web.parser_exc = self._web.handshake_exc = None
        self._owner.left(self, self._reason or (str(exc) if exc else "the connection was closed"))

    def pause_writing(self) -> None:
        """Stop reading from who does not read."""
        self._is_stuck = True
        self._steer()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_stuck = False
        self._steer()

    def hold(self, size_bytes: int) -> None:
        """Note that a batch of it waits to be written."""
        self.held += 1
        self.held_bytes += size_bytes
        self._steer()

    def release(self, size_bytes: int) -> None:
        """Note that a batch of it was written, or refused."""
        self.held -= 1
        self.held_bytes -= size_bytes
        self._steer()

    def send(self, message: bytes) -> None:
        """Send a message; nothing where the WebSocket is not open."""
        if self._transport is not None and self._web.state is WebState.OPEN:
            self._web.send_binary(message)
            self._flush()

    def tick(self, now: int) -> None:
        """Let time pass: ask the silent, and let go of who takes too long."""
        if self._transport is None:
            return
        if self._close_at is not None:
            if now >= self._close_at:
                self._transport.abort()
        elif self._web.state is WebState.CONNECTING:
            if now - self._opened_at >= UPGRADE_S * NANOSECONDS:
                self.drop("it never opened its WebSocket")
        else:
            self._frames = 0
            self._tell(self.session.tick(now))

    def turn_away(self, last: bytes, reason: str) -> None:
        """Finish as soon as the WebSocket is open: before, nothing can be said on it."""
        if self._web.state is WebState.CONNECTING:
            self._turned = (last, reason)
        else:
            self.finish(last, reason)

    def finish(self, last: bytes | None, reason: str) -> None:
        """Say a last word and close; the peer has a few seconds to do the same."""
        if not self.is_open:
            return
        self._reason = self._reason or reason
        if last is not None:
            self.send(last)
        if self._web.state is WebState.OPEN:
            self._web.send_close(CloseCode.NORMAL_CLOSURE)
        self._close_at = self._owner.clock() + int(CLOSE_S * NANOSECONDS)
        self._flush()

    def drop(self, reason: str) -> None:
        """Close at once, without a word."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def _frame(self, frame: Frame) -> None:
        self._frames += 1
        if self._frames > MAX_FRAMES:
            self.finish(self.session.bye("too many messages in a short time", 60.0), "too many messages")
            if self._transport is not None:
                self._transport.pause_reading()  # the next tick breaks it off
            return
        match frame.opcode:
            case Opcode.BINARY if frame.fin:
                self._tell(self.session.receive(bytes(frame.data), self._owner.clock()))
            case Opcode.BINARY:
                self._parts = bytearray(frame.data)
            case Opcode.CONT if self._parts is not None:
                self._parts += frame.data
                if frame.fin:
                    whole, self._parts = bytes(self._parts), None
                    self._tell(self.session.receive(whole, self._owner.clock()))
            case Opcode.TEXT | Opcode.CONT:
                self._web.fail(CloseCode.UNSUPPORTED_DATA, "words travel as binary messages")
            case _:
                pass

    def _tell(self, events: Sequence[HubEvent]) -> None:
        """Carry out what the session asks for, and hand on the rest."""
        kept = []
        for event in events:
            if isinstance(event, Send):
                self.send(event.message)
            else:
                kept.append(event)
        if kept:
            self._owner.said(self, kept)
        for event in kept:
            if isinstance(event, Ended):
                self.finish(None, event.reason)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._web.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()
        if self._close_at is None and self._web.close_expected():
            self._close_at = self._owner.clock() + int(CLOSE_S * NANOSECONDS)

    def _steer(self) -> None:
        """Read on only where there is room for what comes."""
        full = self._is_stuck or self.held >= MAX_HELD or self.held_bytes >= MAX_HELD_BYTES
        if full == self._is_full or self._transport is None:
            return
        self._is_full = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
