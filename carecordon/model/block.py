"""A piece of a file that can be read alone: the unit a scan spreads over cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of one file, as bytes.

    `feed` names the reader; `context` is what the reader needs beside the data (where one
    record ends and the next begins, the EVTX file header). Positions inside count from 1 and are shifted by the
    scan, which adds the records of the blocks before.
    """

    feed: str
    data: bytes
    context: bytes = b""


RUN = 64
"""Records a run: enough to share the cost of a call, few enough to stay in the processor's cache."""


class Run(NamedTuple):
    """At most RUN decoded records that follow one another; `position` is the place of the first in its block.

    `text`: UTF-8 JSON in which every value of the documents stands, if the feed has one that is not the block itself.
    """

    position: int
    documents: list[dict[str, Any]]
    text: bytes | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """A record, or `count` records from `position` on, that could not be decoded, and why."""

    position: int
    reason: str
    count: int = 1
