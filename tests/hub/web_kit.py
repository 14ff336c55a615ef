"""A WebSocket over TLS in one thread: `websockets`' own blocking client reads in a second one.

Python 3.11 guards a TLS object by nothing, so under load one thread's write was lost while the other read the tickets
that follow a handshake: the gate then never saw the request, and hung up.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Self

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

CLOSE_S = 10.0
READ_BYTES = 65_536


class Web:
    """A connection to a gate; what is sent and received are binary messages."""

    def __init__(self, port: int, context: ssl.SSLContext, wait_s: float) -> None:
        """Connect, and open the WebSocket. Raises OSError, and InvalidMessage where the gate hangs up at once."""
        raw = socket.create_connection(("127.0.0.1", port), timeout=wait_s)
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self._wait_s = wait_s
        self._web = ClientProtocol(WebSocketURI(secure=True, host="127.0.0.1", port=port, path="/", query=""))
        self._parts = self._pong = b""
        self._messages: deque[bytes] = deque()
        self._web.send_request(self._web.connect())
        self._flush()
        end = time.monotonic() + wait_s
        while self._web.state is State.CONNECTING and self._web.handshake_exc is None:
            self._read(end)
        if self._web.handshake_exc is not None:
            self.socket.close()
            raise self._web.handshake_exc

    def __enter__(self) -> Self:
        """Return it, open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def is_closed(self) -> bool:
        """Return whether nothing more can come."""
        return self._web.state is State.CLOSED

    def send(self, message: bytes | str | Sequence[bytes]) -> None:
        """Send a message, in fragments where several are given, as text where it is some. Raises ConnectionClosed."""
        with contextlib.suppress(TimeoutError):
            while self._web.state is State.OPEN:
                self._read(0.0)
        if self._web.state is not State.OPEN:
            raise self._closed()
        if isinstance(message, str):
            self._web.send_text(message.encode())
        else:
            first, *more = [message] if isinstance(message, bytes) else message
            self._web.send_binary(first, fin=not more)
            for number, part in enumerate(more, 1):
                self._web.send_continuation(part, fin=number == len(more))
        self._flush()
        if self.is_closed:
            raise self._closed()

    def recv(self, timeout: float) -> bytes:
        """Return the next message. Raises TimeoutError after so many seconds, and ConnectionClosed."""
        end = time.monotonic() + timeout
        while not self._messages:
            if self.is_closed:
                raise self._closed()
            self._read(end)
        return self._messages.popleft()

    def answers(self, timeout: float) -> bool:
        """Return whether the other side answers a ping, which it does once it has read everything before."""
        data, end = secrets.token_bytes(4), time.monotonic() + timeout
        self._web.send_ping(data)
        self._flush()
        with contextlib.suppress(TimeoutError):
            while self._pong != data and not self.is_closed:
                self._read(end)
        return self._pong == data

    def close(self) -> None:
        """Say so, wait for the other side to do the same, and let go."""
        end = time.monotonic() + CLOSE_S
        with contextlib.suppress(TimeoutError):
            if self._web.state is State.OPEN:
                self._web.send_close()
                self._flush()
            while not self.is_closed:
                self._read(end)
        self.socket.close()

    def _closed(self) -> ConnectionClosed:
        return ConnectionClosed(self._web.close_rcvd, self._web.close_sent, self._web.close_rcvd_then_sent)

    def _read(self, end: float) -> None:
        """Take in what comes until then. Raises TimeoutError."""
        try:
            self.socket.settimeout(max(0.0, end - time.monotonic()))
            data = self.socket.recv(READ_BYTES)
        except (TimeoutError, ssl.SSLWantReadError) as fault:
            raise TimeoutError from fault
        except OSError:
            data = b""
        if data:
            self._web.receive_data(data)
        else:
            self._web.receive_eof()
            self.socket.close()  # the other side's TLS waits for it
        for event in self._web.events_received():
            if isinstance(event, Frame) and event.opcode in {Opcode.BINARY, Opcode.CONT}:
                self._parts += event.data
                if event.fin:
                    self._messages.append(self._parts)
                    self._parts = b""
            elif isinstance(event, Frame) and event.opcode is Opcode.PONG:
                self._pong = bytes(event.data)
        self._flush()

    def _flush(self) -> None:
        data = b"".join(self._web.data_to_send())
        if not data:
            return
        try:
            self.socket.settimeout(self._wait_s)
            self.socket.sendall(data)
        except OSError:  # the other side hung up, or takes nothing
            self._web.receive_eof()
