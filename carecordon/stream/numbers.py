"""Which numbers of an epoch are on disk: all up to a mark, but for a few ranges that are missing."""

from __future__ import annotations

from typing import NamedTuple

from carecordon.model.stream import Outcome

MAX_MISSING = 16
"""Ranges remembered of an epoch. One more, and the oldest counts as there: it was told as a gap and is given up."""

Range = tuple[int, int]
"""First and last, both inclusive."""


class Held(NamedTuple):
    """What is on disk: everything up to `mark` (-1: nothing) but the ranges in `missing`, which ascend."""

    mark: int
    missing: tuple[Range, ...]
    check: int | None = None
    """CRC-32 of the data of the part that ends at `mark`; None: not known."""


NOTHING = Held(-1, ())


class Taken(NamedTuple):
    """What a part adds: the ranges of it that were not there (none: it was there already), and what is held then."""

    outcome: Outcome
    pieces: tuple[Range, ...]
    held: Held


def take(held: Held, first: int, last: int, check: int | None = None) -> Taken:
    """Return what the numbers `first` to `last`, with this CRC-32, add to what is held. Taken again, they add nothing.

    A part that comes late fills what is missing, so that no order of arrival loses anything.
    """
    mark, missing, known = held
    if first == mark + 1:
        return Taken(Outcome.APPENDED, ((first, last),), Held(last, missing, check))
    if first > mark:
        kept = (*missing, (mark + 1, first - 1))[-MAX_MISSING:]
        return Taken(Outcome.GAP, ((first, last),), Held(last, kept, check))
    pieces = [(max(low, first), min(high, last)) for low, high in missing if low <= last and high >= first]
    if last > mark:
        pieces.append((mark + 1, last))
    if not pieces:
        return Taken(Outcome.ALREADY, (), held)
    left = tuple(rest for gap in missing for rest in _without(gap, first, last))
    return Taken(
        Outcome.APPENDED, tuple(pieces), Held(max(mark, last), left[-MAX_MISSING:], check if last > mark else known)
    )


def _without(gap: Range, first: int, last: int) -> list[Range]:
    """Return what is left of a gap when `first` to `last` are there."""
    low, high = gap
    rests = [(low, min(high, first - 1)), (max(low, last + 1), high)]
    return [(start, end) for start, end in rests if start <= end]
