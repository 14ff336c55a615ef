"""An agent at work: events from a source go on disk within half a second, and from there to the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random

from carecordon.agent.carry import Carrier, Standing
from carecordon.agent.fill import BATCH_EVENTS, Filler, Fresh
from carecordon.agent.identity import Identity
from carecordon.agent.positions import Positions
from carecordon.agent.spool import Spool

FLUSH_S = 0.5
"""An event waits so long for others to travel with; longer where the hub asks for it, but not"""
MOST_S = 5.0
"""longer than this."""
TROUBLE_S = 1.0
"""After a failed write the disk is tried again so much later."""
PATIENT_SHARE = 0.5
"""A source that can wait is asked for more only while less than this share of the spool is full."""


class Agent:
    """One agent: a spool, what fills it and what carries it.

    >>> agent = Agent(spool, identity, host="ward-pc-07", system="Windows 11", rng=Random())
    >>> await agent.run(source)
    """

    def __init__(
        self,
        spool: Spool,
        identity: Identity,
        *,
        host: str,
        system: str,
        rng: Random,
        positions: Positions | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Carry what is in `spool` and what comes; `on_change` is called whenever something has moved on."""
        self.filler = Filler(spool, positions)
        self.trouble: str | None = None
        """Why events cannot be put on disk now; the source waits meanwhile."""
        self._spool = spool
        self._told = on_change
        self._moved, self._filled = asyncio.Event(), asyncio.Event()
        self._is_hurried = False
        self._carrier = Carrier(spool, identity, host=host, system=system, rng=rng, on_change=self._changed)

    @property
    def standing(self) -> Standing:
        """Return how the connection stands."""
        return self._carrier.standing

    async def run(self, source: AsyncIterator[Fresh], *, is_patient: bool = False) -> None:
        """Take everything from `source` until it ends, then go on until the hub has all of it.

        `is_patient`: the source can wait, as a file can, so that nothing is dropped while the hub is away or the disk
        is full. Cancel it to stop earlier: what is in the spool stays there. Raises TheirFault where our own files
        cannot be used.
        """
        self._spool.is_patient = is_patient
        carrying = asyncio.ensure_future(self._carrier.run())
        filling = asyncio.ensure_future(self._fill(source, is_patient=is_patient))
        try:
            await asyncio.wait({carrying, filling}, return_when=asyncio.FIRST_COMPLETED)
            if carrying.done():
                carrying.result()
            await filling
        finally:
            for task in (carrying, filling):
                task.cancel()
            await asyncio.gather(carrying, filling, return_exceptions=True)

    def hurry(self) -> None:
        """Take what the source still gives without waiting for room in the spool: it is about to end."""
        self._is_hurried = True
        self._moved.set()

    async def filled(self) -> None:
        """Wait until the source has ended and everything from it is on disk."""
        await self._filled.wait()

    async def _fill(self, source: AsyncIterator[Fresh], *, is_patient: bool) -> None:
        loop = asyncio.get_running_loop()
        coming: asyncio.Future[Fresh] | None = None
        due: float | None = None
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(source))
                wait_s = None if due is None else max(0.0, due - loop.time())
                await asyncio.wait({coming}, timeout=wait_s)
                if coming.done():
                    try:
                        self.filler.add(coming.result())
                    except StopAsyncIteration:
                        break
                    finally:
                        coming = None
                    due = due or loop.time() + min(MOST_S, max(FLUSH_S, self._carrier.pause_s))
                if len(self.filler) >= BATCH_EVENTS or (due is not None and loop.time() >= due):
                    await self._flush()
                    due = None
                    while is_patient and not self._is_hurried and self._is_filling_up():
                        await self._next_move()
        finally:
            if coming is not None:
                coming.cancel()
        await self._flush()
        self._filled.set()
        while self._spool.pending:
            await self._next_move()

    async def _flush(self) -> None:
        """Put what is held on disk, however often that must be tried."""
        while True:
            try:
                self.filler.flush()
                break
            except OSError as fault:
                self.trouble = f"events cannot be put on disk: {fault.strerror or fault}"
                self._told()
                await asyncio.sleep(TROUBLE_S)
        self.trouble = None
        self._carrier.wake()
        self._told()

    def _is_filling_up(self) -> bool:
        return self._spool.size_bytes > PATIENT_SHARE * self._spool.limit_bytes

    async def _next_move(self) -> None:
        """Wait until something has moved on."""
        self._moved.clear()
        await self._moved.wait()

    def _changed(self) -> None:
        self._moved.set()
        self._told()
