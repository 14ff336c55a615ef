"""A spool in memory: the same as an agent's own, without a disk, so that ten thousand fit in one process."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Sequence

from carecordon.agent.losses import Loss, renumbered
from carecordon.agent.queued import Kept, Part
from carecordon.model.errors import OurFault


class MemorySpool:
    """Holds what waits for its receipt."""

    __slots__ = ("_draw", "_items", "epoch", "losses", "next", "pending")

    def __init__(self, draw: Callable[[], int]) -> None:
        """Begin an epoch that is drawn."""
        self._draw = draw
        self._items: deque[Kept] = deque()
        self.epoch = draw()
        self.next = 0
        self.pending = 0
        self.losses: list[Loss] = []

    @property
    def carried(self) -> int:
        """Return the epoch to carry."""
        return self.epoch

    def given(self, epoch: int) -> int:
        """Return the number that the next event gets."""
        return self.next

    def append(self, parts: Sequence[Part]) -> None:
        """Keep parts."""
        for part in parts:
            if part.first != self.next:
                raise OurFault("fleet: the numbers of parts do not follow one another")
            self._items.append(Kept(self.epoch, part.first, part.last, part.data))
            self.next = part.last + 1
            self.pending += part.last - part.first + 1

    def read(self, epoch: int, after: int, limit_bytes: int) -> list[Kept]:
        """Return batches behind a number, in order."""
        found: list[Kept] = []
        size = 0
        for item in self._items:
            if item.last <= after or item.epoch != epoch:
                continue
            if found and size + len(item.data) > limit_bytes:
                break
            found.append(item)
            size += len(item.data)
        return found

    def agrees(self, epoch: int, mark: int, check: int) -> bool:
        """Return whether nothing here says that the batch which ends at `mark` has another CRC-32 than `check`."""
        found = next((one for one in self._items if one.epoch == epoch and one.first <= mark <= one.last), None)
        return found is None or (found.last == mark and zlib.crc32(found.data) == check)

    def ack(self, epoch: int, mark: int) -> None:
        """Forget everything up to `mark`."""
        items = self._items
        while items and items[0].epoch == epoch and items[0].last <= mark:
            gone = items.popleft()
            self.pending -= gone.last - gone.first + 1

    def renumber(self, epoch: int) -> None:
        """Give what is left new numbers in a new epoch."""
        left, self._items = self._items, deque()
        self.epoch, self.next, self.pending = self._draw(), 0, 0
        for item in left:
            fresh = renumbered(item.data, self.next)
            if fresh is None:
                raise OurFault("fleet: a batch of its own cannot be read")
            last = self.next + item.last - item.first
            self._items.append(Kept(self.epoch, self.next, last, fresh))
            self.next = last + 1
            self.pending += item.last - item.first + 1

    def copy(self, draw: Callable[[], int]) -> MemorySpool:
        """Return a spool that goes on with the same count: what a cloned machine has."""
        twin = MemorySpool(draw)
        twin.epoch, twin.next = self.epoch, self.next
        return twin

    def note(self, loss: Loss) -> None:
        """Remember what the hub will never take."""
        self.losses.append(loss)

    def close(self) -> None:
        """Nothing is to be let go of."""
