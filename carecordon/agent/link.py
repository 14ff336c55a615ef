"""One connection to the hub: WebSocket frames in and out of an exchange, without a task or a queue of its own.

The frames are read by the sans-I/O part of `websockets`; what carries them is an asyncio transport with TLS on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WebState
from websockets.uri import WebSocketURI

from carecordon.agent.exchange import Exchange
from carecordon.agent.identity import Returning
from carecordon.wire.session import MAX_MESSAGE_BYTES, Ended, Fault

GREETING_S = 20.0
"""From the connection to the hub's welcome."""
CLOSE_S = 2.0
"""So long the hub has to close its side."""
_URI = WebSocketURI(secure=True, host="hub", port=443, path="/", query="")
_QUIET = logging.getLogger("carecordon.websockets")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Link(asyncio.Protocol):
    """A connection and the exchange on it; `done` says why it ended, once it is closed on our side.

    `on_change` is called after each thing that came, and at the end.
    """

    __slots__ = (
        "_clock",
        "_is_closing",
        "_on_change",
        "_parts",
        "_timer",
        "_timer_at",
        "_transport",
        "_web",
        "done",
        "exchange",
        "gone",
        "is_resumed",
    )

    def __init__(
        self, exchange: Exchange, done: asyncio.Future[Ended], clock: Callable[[], int], on_change: Callable[[], None]
    ) -> None:
        """Carry `exchange`."""
        self.exchange = exchange
        self.done = done
        self._clock, self._on_change = clock, on_change
        self._web = ClientProtocol(_URI, max_size=MAX_MESSAGE_BYTES, logger=_QUIET)
        self._transport: asyncio.Transport | None = None
        self._parts: bytearray | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._is_closing = False
        self.is_resumed = False
        """It resumed the TLS session of a connection before it."""
        self.gone = asyncio.Event()
        """The connection is gone, or there never was one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: TLS is up, and the peer is the hub."""
        self._transport = cast("asyncio.Transport", transport)
        self._web.send_request(self._web.connect())
        self._flush()
        loop = asyncio.get_running_loop()
        self._timer_at = float("inf")
        self._timer = loop.call_later(GREETING_S, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Read frames, and say what the exchange answers."""
        self._web.receive_data(data)
        for event in self._web.events_received():
            if isinstance(event, Response):
                if self._web.state is WebState.OPEN:
                    self._remember()
                    self.put(self.exchange.begin())
            elif isinstance(event, Frame):
                self._frame(event)
        if self._web.handshake_exc is not None:
            self._end(Ended(f"the other side is no hub: {self._web.handshake_exc}", Fault.THEIRS))
        self._settle()
        self._on_change()

    def _remember(self) -> None:
        """Keep the TLS session, so that coming back is cheap."""
        secure = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        if secure is not None and isinstance(secure.context, Returning):
            self.is_resumed = bool(secure.session_reused)
            secure.context.remember(secure)

    def eof_received(self) -> None:
        """Take in that the hub will say nothing more; the transport closes itself."""
        self._web.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, if nothing ended it before."""
        self._transport = None
        self.gone.set()
        self._end(self.exchange.ended or Ended(f"the link broke: {exc or 'the hub closed it'}", Fault.THEIRS))

    def pump(self) -> None:
        """Send what may go now: called when something was put in the queue."""
        if self._transport is not None and not self.done.done() and self.exchange.is_open:
            self.put(self.exchange.pump(self._clock()))
            self._settle()

    def say(self, messages: Iterable[bytes]) -> None:
        """Send messages of the exchange."""
        if self._transport is not None and not self.done.done():
            self.put(messages)

    async def closed(self) -> None:
        """Wait until the connection is gone; it is cut where the hub does not let go of it."""
        if self._transport is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.gone.wait()
            self._abort()
            await asyncio.sleep(0)

    def leave(self, reason: str) -> None:
        """Say good-bye and close."""
        self.say(self.exchange.leave(reason))
        self._settle()
        self.drop(reason)

    def cut(self) -> None:
        """Break the connection without a word, as a failing network does."""
        self._abort()

    def drop(self, reason: str) -> None:
        """Close without a word, if it is not closed yet."""
        self._end(self.exchange.ended or Ended(reason, Fault.NOBODY, 0.0))

    def _frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.BINARY if frame.fin:
                self._hear(bytes(frame.data))
            case Opcode.BINARY:
                self._parts = bytearray(frame.data)
            case Opcode.CONT if self._parts is not None:
                self._parts += frame.data
                if frame.fin:
                    whole, self._parts = bytes(self._parts), None
                    self._hear(whole)
            case Opcode.TEXT | Opcode.CONT:
                self._web.fail(CloseCode.UNSUPPORTED_DATA, "words travel as binary messages")
            case _:
                pass

    def _hear(self, message: bytes) -> None:
        if self.exchange.ended is None:
            self.put(self.exchange.hear(message, self._clock()))

    def put(self, messages: Iterable[bytes]) -> None:
        """Send messages as they are, if the WebSocket is open."""
        if self._web.state is WebState.OPEN:
            for message in messages:
                self._web.send_binary(message)
        self._flush()

    def _settle(self) -> None:
        """End where the exchange has, else see that the next `pump` comes in time."""
        self._flush()
        if self.exchange.ended is not None:
            self._end(self.exchange.ended)
        if self.done.done() or not self.exchange.is_open:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(0.001, self.exchange.wait_s(self._clock()))
        if self._timer is not None and self._timer_at <= at:
            return  # it comes early enough, and then asks again
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = loop.call_at(at, self._wake), at

    def _wake(self) -> None:
        self._timer = None
        self.pump()

    def _too_late(self) -> None:
        self._timer = None
        self._end(Ended("the hub did not answer the hello", Fault.THEIRS))

    def _end(self, ended: Ended) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.done.done():
            self.done.set_result(ended)
            self._on_change()
        if self._transport is not None and not self._is_closing:
            self._is_closing = True
            if self._web.state is not WebState.OPEN:
                self._abort()
                return
            self._web.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
            asyncio.get_running_loop().call_later(CLOSE_S, self._abort)  # the hub closes before, if it is there

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._web.data_to_send():
            if data:
                transport.write(data)
        if self._web.state is WebState.CLOSED:
            transport.abort()
