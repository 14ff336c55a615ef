"""A relay between agents and a gate that can become a black hole: what is sent into it is gone, and nobody is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

CHUNK = 65_536


class Way(StrEnum):
    """A direction, and the end that speaks in it."""

    UP = "agent"
    DOWN = "gate"


@dataclass(eq=False)
class Pipe:
    """One connection through the relay. Neither end learns by it that the other is gone, in a way that is blocked."""

    ends: dict[Way, asyncio.StreamWriter]
    blocked: frozenset[Way] = frozenset()
    let_go: dict[Way, float] = field(default_factory=dict)
    """When an end closed its side, by the event loop's clock."""


class Relay:
    """A TCP server that opens a connection to the gate for each that it is given; `run` it."""

    def __init__(self, host: str, port: int) -> None:
        """Lead to a gate."""
        self._gate = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self.pipes: list[Pipe] = []
        self.port = 0

    def block(self, ways: Sequence[Way]) -> list[Pipe]:
        """Let what is sent through present connections be lost from now on; new ones are carried. Return the former."""
        for pipe in self.pipes:
            pipe.blocked |= frozenset(ways)
        return list(self.pipes)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Relay]:
        """Listen until the end of the block."""
        server = await asyncio.start_server(self._come, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for pipe in self.pipes:
                for writer in pipe.ends.values():
                    writer.transport.abort()
            await asyncio.sleep(0)

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_gate, to_gate = await asyncio.open_connection(*self._gate)
        except OSError:
            writer.transport.abort()
            return
        pipe = Pipe({Way.UP: writer, Way.DOWN: to_gate})
        self.pipes.append(pipe)
        for way, source, target in ((Way.UP, reader, to_gate), (Way.DOWN, from_gate, writer)):
            task = asyncio.ensure_future(_carry(pipe, way, source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _carry(pipe: Pipe, way: Way, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(CHUNK):
            if way not in pipe.blocked:
                target.write(data)
                await target.drain()
    pipe.let_go[way] = asyncio.get_running_loop().time()
    pipe.ends[way].close()
    if way not in pipe.blocked:
        target.close()
