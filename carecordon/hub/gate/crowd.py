"""Who is called next of those that wait at a door: one of each address in turn, and in a crowd the newest, too."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Guest = TypeVar("Guest")


class Crowd(Generic[Guest]):
    """Guests by address.

    Of one address the oldest is called; where many of it wait, every other time the newest: those who came long ago
    may have given up or mean harm, and somebody honest who comes now from there is not made to wait for them all.
    """

    def __init__(self, many: int) -> None:
        """More than `many` of one address are a crowd."""
        self._many = many
        self._waiting: OrderedDict[str, deque[Guest]] = OrderedDict()
        self._is_newest_due = False
        self._count = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count

    def put(self, address: str, guest: Guest) -> None:
        """Let a guest wait."""
        self._waiting.setdefault(address, deque()).append(guest)
        self._count += 1

    def next(self) -> Guest | None:
        """Take out the next guest; None where nobody waits."""
        if not self._waiting:
            return None
        address, guests = self._waiting.popitem(last=False)
        self._is_newest_due = not self._is_newest_due
        guest = guests.pop() if self._is_newest_due and len(guests) > self._many else guests.popleft()
        if guests:
            self._waiting[address] = guests
        self._count -= 1
        return guest

    def give_up_one(self) -> Guest:
        """Take out the oldest guest of the address of which most wait; somebody waits."""
        address = max(self._waiting, key=lambda other: len(self._waiting[other]))
        guests = self._waiting[address]
        guest = guests.popleft()
        if not guests:
            del self._waiting[address]
        self._count -= 1
        return guest
