"""HTTP of one connection from the network: who says nothing, or only a part of it, keeps nobody else out."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ASKING_S = 10.0
"""A request is there whole after so long, or its connection is closed."""
MAX_IDLE = 50
"""Connections on which nothing is being answered: one more, and the oldest of them is closed."""
MAX_OF_ADDRESS = 32
"""Connections of one address, unless it is this machine itself, where a proxy may speak for many."""


class NetworkProtocol(H11Protocol):
    """HTTP of one connection."""

    _timer: asyncio.TimerHandle | None = None
    began = 0.0
    """When it was opened, by the loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself does
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.began = self.loop.time()
        self._wait()
        others = [other for other in self.connections if isinstance(other, NetworkProtocol) and other is not self]
        if self._is_one_of_many(others):
            transport.abort()
            return
        idle = [other for other in others if other.is_idle and not other.transport.is_closing()]
        if len(idle) >= MAX_IDLE:
            min(idle, key=lambda other: other.began).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and wait for no more than the rest of a request."""
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._wait()
        else:
            self._rest()

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is being answered on it."""
        cycle: Any = self.cycle  # None before the first, whatever its type says
        return cycle is None or bool(cycle.response_complete)

    def _is_one_of_many(self, others: list[NetworkProtocol]) -> bool:
        if self.client is None or ipaddress.ip_address(self.client[0].partition("%")[0]).is_loopback:
            return False
        return sum(other.client is not None and other.client[0] == self.client[0] for other in others) >= MAX_OF_ADDRESS

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(ASKING_S, self._too_late)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if self.is_idle or self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()
