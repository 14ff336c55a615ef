"""Whether one device's key is in two places: the evidence, and what each of the two is told.

An honest device counts upwards in one epoch, has one session at a time, and never answers on an old one. So this is
evidence: a hello whose next number the hub already holds, the same numbers with different content, an answer on the
older of two sessions after the newer one was greeted, a return to an epoch that was left behind, and its own word that
what the hub holds under its numbers is not what it has.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from carecordon.wire.messages import Batch

REMEMBERED = 8
"""Batches of a device whose numbers and digests are kept: as many as may be on their way at once."""
EPOCHS = 4


class Evidence(StrEnum):
    """What shows that two go on with one key."""

    AHEAD = "the hub holds numbers of its epoch that it says it never gave"
    DIFFERENT = "it sent the same numbers twice with different content"
    TWO_ANSWER = "two sessions of it answer at the same time"
    RETURNED = "it went back to an epoch that it had left"
    DISOWNED = "the hub holds other events under numbers that it gave"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a batch; `is_foreign`: its numbers are taken by the other, the sender counts anew."""

    evidence: Evidence | None = None
    is_foreign: bool = False


TAKE = Verdict()


class Count:
    """How far a device is in one epoch, by whatever session."""

    __slots__ = ("mark", "recent")

    def __init__(self, mark: int) -> None:
        """Begin with what is on disk."""
        self.mark = mark
        self.recent: deque[tuple[int, int, bytes, int]] = deque(maxlen=REMEMBERED)
        """First, last, digest and session of the latest batches."""


class Trail:
    """What a device did lately: its epochs, and the latest batches of each."""

    __slots__ = ("_counts", "is_doubted")

    def __init__(self) -> None:
        """Begin without a trace."""
        self._counts: dict[int, Count] = {}
        self.is_doubted = False
        """There was evidence: what would else be taken for a late repetition is no longer."""

    def greet(self, epoch: int, next_number: int, mark: int) -> Evidence | None:
        """Take in a hello, and what is on disk of its epoch (-1: nothing)."""
        latest = next(reversed(self._counts), None)
        evidence = Evidence.RETURNED if epoch in self._counts and epoch != latest else None
        count = self._counts.pop(epoch, None) or Count(mark)
        count.mark = max(count.mark, mark)
        self._counts[epoch] = count
        while len(self._counts) > EPOCHS:
            del self._counts[next(iter(self._counts))]
        return Evidence.AHEAD if count.mark >= next_number else evidence

    def offer(self, batch: Batch, session: int, own_from: int) -> Verdict:
        """Judge a batch of a session that may send numbers behind `own_from`, and remember it where it is taken."""
        count = self._counts.get(batch.epoch)
        if count is None:  # so many epochs later an old session still speaks
            return Verdict(Evidence.RETURNED)
        digest = hashlib.blake2b(batch.data, digest_size=8).digest()
        if batch.first <= count.mark and batch.last > own_from:
            verdict = self._again(batch, digest, session, count)
            if verdict is not TAKE:
                return verdict
        count.mark = max(count.mark, batch.last)
        count.recent.append((batch.first, batch.last, digest, session))
        return TAKE

    def forget(self, epoch: int, first: int) -> None:
        """Take back that numbers from `first` on were taken: they could not be written."""
        count = self._counts.get(epoch)
        if count is not None:
            kept = [one for one in count.recent if one[0] < first]
            count.recent = deque(kept, maxlen=REMEMBERED)
            count.mark = min(count.mark, first - 1)

    def _again(self, batch: Batch, digest: bytes, session: int, count: Count) -> Verdict:
        """Judge a batch with numbers that came before.

        A device does not cut what it keeps anew: numbers of another session in other pieces are not safely the same.
        """
        before = [one for one in count.recent if one[0] <= batch.last and batch.first <= one[1]]
        for first, last, known, _ in before:
            if (first, last) == (batch.first, batch.last):
                return TAKE if known == digest else Verdict(Evidence.DIFFERENT, is_foreign=True)
        is_own = any(who == session for *_, who in before)
        return Verdict(is_foreign=True) if (before or self.is_doubted) and not is_own else TAKE
