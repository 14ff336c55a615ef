"""Forms groups: what all sessions brought in the last moments is written together, a fair share of each device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carecordon.hub.gate.commit import Committer, Group, Written
from carecordon.hub.gate.fairness import FairQueue
from carecordon.hub.gate.link import Link
from carecordon.model.stream import Part
from carecordon.wire.messages import Batch, Hello

GROUP_S = 0.03
"""What comes within this time is written together: a commit costs a disk as much for one batch as for a hundred."""
GROUP_BYTES = 4 * 1024 * 1024
GROUP_HELLOS = 256


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch on its way to disk; `came` on the steady clock."""

    link: Link
    device: str
    batch: Batch
    came: int


@dataclass(frozen=True, slots=True)
class Caller:
    """A device that said hello, and waits for its mark."""

    link: Link
    device: str
    hello: Hello


class Writing:
    """Queues, and the group that is being written. `written` and `known` are told what became of each."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        committer: Committer,
        written: Callable[[Sequence[Waiting], Written], None],
        known: Callable[[Sequence[Caller], Written], None],
    ) -> None:
        """Begin with nothing to write."""
        self._loop = loop
        self._committer = committer
        self._written = written
        self._known = known
        self._queue: FairQueue[Waiting] = FairQueue()
        self._callers: list[Caller] = []
        self._is_busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def size_bytes(self) -> int:
        """Return how much waits."""
        return self._queue.size_bytes

    def __len__(self) -> int:
        """Return how many batches wait."""
        return len(self._queue)

    def put(self, waiting: Waiting) -> None:
        """Queue a batch."""
        self._queue.put(waiting.device, waiting, len(waiting.batch.data))
        self._arm()

    def call(self, caller: Caller) -> None:
        """Queue a hello: its mark is read once everything that came of the device before is written."""
        self._callers.append(caller)
        self._arm()

    def take_back(self, link: Link) -> list[Waiting]:
        """Take what waits of a link out of the queue, and return it."""
        return [] if link.device is None else self._queue.drop(link.device, lambda waiting: waiting.link is link)

    async def idle(self) -> None:
        """Wait until nothing is to be written."""
        await self._idle.wait()

    def _arm(self) -> None:
        self._idle.clear()
        if not self._is_busy and self._timer is None:
            self._timer = self._loop.call_later(GROUP_S, self._form)

    def _form(self) -> None:
        self._timer = None
        items = self._queue.group(GROUP_BYTES)
        ready = [caller for caller in self._callers if not self._queue.has(caller.device)][:GROUP_HELLOS]
        if ready:
            taken = set(map(id, ready))
            self._callers = [caller for caller in self._callers if id(caller) not in taken]
        parts = [part_of(item.device, item.batch) for item in items]
        tails = [(caller.device, caller.hello.epoch) for caller in ready]
        self._is_busy = True
        self._committer.write(Group(parts, tails), lambda written: self._done(items, ready, written))

    def _done(self, items: Sequence[Waiting], ready: Sequence[Caller], written: Written) -> None:
        self._is_busy = False
        if items:
            self._written(items, written)
        if ready:
            self._known(ready, written)
        if len(self._queue) or self._callers:
            self._arm()
        else:
            self._idle.set()


def part_of(device: str, batch: Batch) -> Part:
    """Return a device's batch as the log takes it."""
    return Part(device, batch.epoch, batch.first, batch.last, batch.data)
