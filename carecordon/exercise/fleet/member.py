"""One device of a fleet: its identity, its spool, where it stands in its story, and what it has sent when."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from carecordon.agent.identity import Identity
from carecordon.agent.losses import Loss
from carecordon.agent.queued import Kept, Part
from carecordon.agent.run import FLUSH_S
from carecordon.exercise.fleet.clock import DeviceClock
from carecordon.exercise.fleet.faults import FaultyLink
from carecordon.exercise.fleet.pattern import Pattern
from carecordon.exercise.fleet.template import Names
from carecordon.model.batch import Row


class Store(Protocol):
    """A spool, on disk or in memory."""

    @property
    def epoch(self) -> int:
        """Return the epoch of what comes next."""
        ...

    @property
    def next(self) -> int:
        """Return the number that the next event gets."""
        ...

    @property
    def carried(self) -> int:
        """Return the epoch to carry now."""
        ...

    @property
    def pending(self) -> int:
        """Return how many events wait."""
        ...

    def given(self, epoch: int) -> int:
        """Return a number above all that were given away of an epoch."""
        ...

    def append(self, parts: list[Part]) -> None:
        """Keep parts."""
        ...

    def read(self, epoch: int, after: int, limit_bytes: int) -> list[Kept]:
        """Return batches behind a number."""
        ...

    def agrees(self, epoch: int, mark: int, check: int) -> bool:
        """Return whether nothing here says that what ends at `mark` has another CRC-32."""
        ...

    def ack(self, epoch: int, mark: int) -> None:
        """Forget everything up to `mark`."""
        ...

    def renumber(self, epoch: int) -> None:
        """Give what is left new numbers."""
        ...

    def note(self, loss: Loss) -> None:
        """Remember a loss."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(slots=True)
class Planted:
    """An event that somebody waits for. Times are true UTC ns; the rest is known once it is spooled, or at the hub."""

    device: str
    name: str
    """What the device calls itself."""
    row: Row
    """Dated by the device's own clock."""
    written: int
    epoch: int = 0
    number: int = -1
    acknowledged: int | None = None

    @property
    def dated(self) -> int:
        """Return when it happened by the device's clock, UTC ns."""
        return self.row[2] or 0


@dataclass(frozen=True, slots=True)
class Role:
    """What becomes of a story in one of its copies: the pattern, its number among all, its names and its moments."""

    number: int
    pattern: Pattern
    names: Names
    offsets: npt.NDArray[np.int64]
    length: int


class Member:
    """A device of the fleet; as the queue of an exchange it notes when each batch was acknowledged."""

    __slots__ = (
        "_flying",
        "_on_ack",
        "_on_renumber",
        "account",
        "base",
        "clock",
        "cursor",
        "held",
        "identity",
        "index",
        "is_due",
        "link",
        "name",
        "planted",
        "role",
        "spool",
        "waiting_for",
        "window_s",
    )

    def __init__(
        self,
        index: int,
        identity: Identity,
        name: str,
        role: Role,
        spool: Store,
        clock: DeviceClock,
        on_ack: Callable[[Member, int, int, list[tuple[int, int]]], None],
        on_renumber: Callable[[Member, int, int], None],
    ) -> None:
        """Play `role` from its beginning; whatever it says is dated by `clock`.

        `on_ack` gets epoch, mark, and of each batch that it covers when it was kept (ns of a clock that never goes
        back) and its events; `on_renumber` the epoch that ended and the first of its numbers that has no receipt.
        """
        self.index, self.identity, self.name, self.role, self.spool = index, identity, name, role, spool
        self.clock = clock
        self.account = index
        """Whose line of the ledger it writes in: a clone in that of its original."""
        self.link: FaultyLink | None = None
        self.cursor, self.base = 0, 0
        self.is_due = False
        """It is going to put together what it has seen lately."""
        self.window_s = FLUSH_S
        """So long it waits for what is told together."""
        self.held: list[tuple[Row, int]] = []
        """Events that are told later than they should be, and when they were seen, by its clock (UTC ns)."""
        self.planted: list[Planted] = []
        """Those that wait to be put together,"""
        self.waiting_for: deque[Planted] = deque()
        """and those that wait for their receipt."""
        self._flying: deque[tuple[int, int, int, int]] = deque()
        self._on_ack, self._on_renumber = on_ack, on_renumber

    def begin_at(self, phase: int) -> None:
        """Begin the story `phase` ns behind its beginning."""
        self.cursor = bisect_left(self.role.pattern.offsets, phase)
        self.base = -phase
        if self.cursor == len(self.role.offsets):
            self.cursor, self.base = 0, self.role.length - phase

    def next_moment(self) -> int:
        """Return when its next event happens in the story's own time, ns since the fleet began to play."""
        return self.base + self.role.pattern.offsets[self.cursor]

    def keep(self, parts: list[Part], now: int) -> None:
        """Put parts in the spool; `now` of a clock that never goes back."""
        self.spool.append(parts)
        epoch = self.spool.epoch
        self._flying.extend((epoch, part.last, now, part.events) for part in parts)

    def unacknowledged(self) -> list[int]:
        """Return when each batch that has no receipt yet was kept."""
        return [kept for _, _, kept, _ in self._flying]

    @property
    def carried(self) -> int:
        """Return the epoch to carry now."""
        return self.spool.carried

    def given(self, epoch: int) -> int:
        """Return a number above all that were given away of an epoch."""
        return self.spool.given(epoch)

    def read(self, epoch: int, after: int, limit_bytes: int) -> list[Kept]:
        """Return batches behind a number."""
        return self.spool.read(epoch, after, limit_bytes)

    def agrees(self, epoch: int, mark: int, check: int) -> bool:
        """Return whether nothing here says that what ends at `mark` has another CRC-32."""
        return self.spool.agrees(epoch, mark, check)

    def ack(self, epoch: int, mark: int) -> None:
        """Take in a receipt."""
        self.spool.ack(epoch, mark)
        flying = self._flying
        kept: list[tuple[int, int]] = []
        while flying and flying[0][0] == epoch and flying[0][1] <= mark:
            kept.append(flying.popleft()[2:])
        self._on_ack(self, epoch, mark, kept)

    def renumber(self, epoch: int) -> None:
        """Give what is left new numbers, which stand in the account too."""
        first = next((kept.first for kept in self.spool.read(epoch, -1, 1)), self.spool.given(epoch))
        at = {last: kept for _, last, kept, _ in self._flying}
        before = [one.last for one in _all(self.spool, epoch)]
        self.spool.renumber(epoch)
        after = _all(self.spool, self.spool.epoch)[-len(before) :] if before else []
        now = max(at.values(), default=0)
        self._flying = deque(
            (new.epoch, new.last, at.get(old, now), new.last - new.first + 1)
            for old, new in zip(before, after, strict=False)
        )
        self._on_renumber(self, epoch, first)

    def note(self, loss: Loss) -> None:
        """Remember a loss."""
        self.spool.note(loss)


def _all(spool: Store, epoch: int) -> list[Kept]:
    """Return all that is there of an epoch."""
    found: list[Kept] = []
    while some := spool.read(epoch, found[-1].last if found else -1, 1 << 20):
        found += some
    return found
