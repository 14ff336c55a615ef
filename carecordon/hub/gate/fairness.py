"""Fair shares: a queue for each device, and groups formed from all of them by deficit round robin.

Source: M. Shreedhar, G. Varghese, "Efficient Fair Queuing using Deficit Round Robin", SIGCOMM 1995.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

QUANTUM_BYTES = 8 * 1024
"""What a device may add to a group a turn: hundreds of small batches, or a part of a large one's way."""
ITEM_BYTES = 256
"""What an item costs beside its size."""


class _Line(Generic[Item]):
    __slots__ = ("deficit", "items")

    def __init__(self) -> None:
        self.items: deque[tuple[Item, int]] = deque()
        self.deficit = 0


class FairQueue(Generic[Item]):
    """Items of many devices; a device's own stay in order. Not bounded: who puts in looks at `size_bytes` first."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lines: dict[str, _Line[Item]] = {}
        self._turns: deque[str] = deque()
        self.size_bytes = 0
        self._count = 0

    def __len__(self) -> int:
        """Return the number of items."""
        return self._count

    def has(self, device: str) -> bool:
        """Return whether anything of a device waits."""
        return device in self._lines

    def put(self, device: str, item: Item, size_bytes: int) -> None:
        """Append an item to a device's queue."""
        line = self._lines.get(device)
        if line is None:
            line = self._lines[device] = _Line()
            self._turns.append(device)
        line.items.append((item, size_bytes + ITEM_BYTES))
        self.size_bytes += size_bytes + ITEM_BYTES
        self._count += 1

    def group(self, limit_bytes: int) -> list[Item]:
        """Take items of about `limit_bytes` and no less than one, a fair share of every device that has any."""
        taken: list[Item] = []
        room = limit_bytes
        while self._turns and room > 0:
            device = self._turns.popleft()
            line = self._lines[device]
            line.deficit += QUANTUM_BYTES
            while line.items and line.items[0][1] <= line.deficit and room > 0:
                item, size = line.items.popleft()
                line.deficit -= size
                room -= size
                taken.append(item)
                self.size_bytes -= size
                self._count -= 1
            if line.items:
                self._turns.append(device)
            else:
                del self._lines[device]
        return taken

    def drop(self, device: str, is_dropped: Callable[[Item], bool]) -> list[Item]:
        """Take those items of a device out for which `is_dropped` says so, and return them."""
        line = self._lines.get(device)
        if line is None:
            return []
        kept = deque((item, size) for item, size in line.items if not is_dropped(item))
        dropped = [item for item, _ in line.items if is_dropped(item)]
        self.size_bytes -= sum(size for _, size in line.items) - sum(size for _, size in kept)
        self._count -= len(dropped)
        line.items = kept
        if not kept:
            del self._lines[device]
            self._turns.remove(device)
        return dropped
