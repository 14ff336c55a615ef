"""The durable log between processes: what is put in, what comes out, and the port that every backend fills in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Part:
    """What one sender adds: its numbers `first` to `last` (both inclusive) of one epoch, as `data`.

    `epoch` is drawn at random (63 bits) whenever a sender begins to count anew, so that counts never collide.
    """

    sender: str
    epoch: int
    first: int
    last: int
    data: bytes


class Outcome(StrEnum):
    """What became of a part: all three are on disk when they are told."""

    APPENDED = "appended"
    ALREADY = "already"
    """Every number of it was there before: nothing is kept twice."""
    GAP = "gap"
    """Appended, but numbers are missing before it: they may be lost, and that is told."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a part. `expected` was the next number before it; `mark` is the highest that is on disk now."""

    outcome: Outcome
    expected: int
    mark: int


@dataclass(frozen=True, slots=True)
class Tail:
    """What a sender's epoch ends with on disk: the highest number (-1: nothing), the CRC-32 of the part that it ends.

    The sender can tell by that whether the part is its own; None where it is not known.
    """

    mark: int
    check: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One part as it lies in the log.

    `position` is that of its group: parts committed together share it, and a pull never splits a group.
    `skip`: so many numbers at its beginning were on disk before it (a sender sent them twice); who reads leaves them
    out. `drop`: so many at its end, likewise (it came late and filled a gap). A part that filled several gaps stands in
    the log once for each. `received` UTC ns, the clock of the process that published.
    """

    position: int
    received: int
    skip: int
    part: Part
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """What the log can no longer give: the groups `first` to `last` (of which perhaps one part only), and why.

    `partition` is -1 where it cannot be told. What is damaged was acknowledged and may be lost: somebody must be told.
    """

    partition: int
    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Lag:
    """What a consumer has not acknowledged: parts, bytes, and when the oldest was received (UTC ns; None: nothing)."""

    parts: int
    size_bytes: int
    oldest: int | None


class Stream(Protocol):
    """A log in a fixed number of partitions; a sender is always in the same one. One thread at a time uses an object.

    Publishing is idempotent by (sender, epoch, numbers). What `publish` returned is on disk: a power cut loses none
    of it. Several processes may read and acknowledge while one publishes.
    """

    @property
    def partitions(self) -> int:
        """Return the number of partitions, fixed when the log was made."""
        ...

    @property
    def epoch(self) -> int:
        """Return the number (63 bits) drawn at random when the log was made: its positions count in this epoch."""
        ...

    def partition_of(self, sender: str) -> int:
        """Return the partition that a sender's parts lie in."""
        ...

    def publish(self, parts: Sequence[Part], now: int) -> list[Published]:
        """Append parts in one commit and return what became of each, in their order. Raises OSError where it cannot."""
        ...

    def mark(self, sender: str, epoch: int) -> int | None:
        """Return the highest number on disk of a sender's epoch; None where nothing is."""
        ...

    def tail(self, sender: str, epoch: int) -> Tail:
        """Return what a sender's epoch ends with on disk."""
        ...

    def pull(self, partition: int, after: int, limit_bytes: int, upto: int | None = None) -> list[Entry]:
        """Return whole groups behind position `after` (to `upto` inclusive), in order.

        At least one group if there is any, and no more than `limit_bytes` beyond that.
        """
        ...

    def ack(self, consumer: str, partition: int, position: int) -> None:
        """Remember that `consumer` is done with everything up to `position`; never goes back."""
        ...

    def acked(self, consumer: str, partition: int) -> int:
        """Return the position up to which `consumer` is done; 0 at first."""
        ...

    def lag(self, consumer: str) -> Lag:
        """Return what `consumer` has not acknowledged, over all partitions."""
        ...

    def trim(self, consumers: Sequence[str]) -> int:
        """Forget what all of these consumers have acknowledged; return how many bytes of parts went. Marks stay."""
        ...

    def damaged(self) -> list[Damage]:
        """Return what this object has met so far that the log can no longer give, and has left out."""
        ...

    def close(self) -> None:
        """Let go of the log; what is on disk stays."""
        ...
