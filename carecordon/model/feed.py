"""A feed: one form that event files come in, with the three functions that read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from carecordon.model.block import Bad, Block, Run

HEAD_BYTES = 81_920
"""How much of a file's beginning `recognise` is shown: so that a damaged first EVTX chunk hides no second."""


class Stream(Protocol):
    """Bytes in order. `read` returns at most `size` of them, and nothing only at the end; it never raises."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """One form of event file.

    `recognise` says from the first HEAD_BYTES (or all, if the file is shorter) whether a file
    has this form. `split` cuts a stream into blocks of whole records: cheap, in bounded
    memory, in one process. `read` decodes a block by itself: the heavy part, in any process.
    Neither raises on bad bytes. A Bad from `split` has position 0 (it stands where the blocks
    before it end); a Bad with count 0 takes no place among the records: nothing is known to be
    lost, but something is not as it should be.
    """

    name: str
    recognise: Callable[[bytes], bool]
    split: Callable[[Stream], Iterator[Block | Bad]]
    read: Callable[[Block], Iterator[Run | Bad]]
    is_text: bool = False
    """The data of its blocks is UTF-8 JSON text, so that what stands in no block stands in no value."""
