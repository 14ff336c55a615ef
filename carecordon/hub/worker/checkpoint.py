"""How far a partition's worker is, as the register keeps it, and what both streams say of it should the register not.

Theory. A worker writes a range to the register before it publishes or acknowledges anything of it. So the numbers under
which it published, and what it acknowledged, never lie beyond what the register knows; where they do, the register has
lost its end, and they are right: what they name is matched and in stream 2, or stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from carecordon.model.stream import Stream
from carecordon.register.register import Checkpoints

DETECT, STORE = "detect", "store"
"""The consumers of stream 1."""


class Range(msgspec.Struct, frozen=True):
    """Positions behind `after`, up to `upto`; `tries`: processes that began it; `alone` the entry tried by itself.

    `deaths`: processes that ended while they tried that one.
    """

    after: int
    upto: int
    tries: int = 1
    alone: int | None = None
    deaths: int = 0


class Checkpoint(msgspec.Struct, frozen=True):
    """How far finding and storing are, and the range that each has begun; `epoch` is that of stream 1.

    `poison`: position and name of entries that the process died of, until they lie behind both.
    """

    epoch: int
    detected: int = 0
    stored: int = 0
    detect: Range | None = None
    store: Range | None = None
    poison: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What the streams know to be done: matched and handed on, and stored, up to these positions."""

    detected: int
    stored: int


def name_of(partition: int) -> str:
    """Return the name under which a partition's worker keeps its checkpoint and publishes in stream 2."""
    return f"shard-{partition}"


def read_checkpoint(checkpoints: Checkpoints, partition: int, epoch: int) -> Checkpoint:
    """Return what the register has; the beginning where it has nothing, or of a log of another epoch."""
    kept = checkpoints.get(name_of(partition))
    at = Checkpoint(epoch) if kept is None else msgspec.msgpack.decode(kept, type=Checkpoint)
    return at if at.epoch == epoch else Checkpoint(epoch)


def done(events: Stream, found: Stream, partition: int) -> Done:
    """Return what streams 1 and 2 say of a partition."""
    handed_on = found.mark(name_of(partition), events.epoch)
    return Done(max(events.acked(DETECT, partition), handed_on or 0), events.acked(STORE, partition))


def known(at: Checkpoint) -> Done:
    """Return how far a checkpoint lets it be, with what is begun."""
    detected = at.detected if at.detect is None else max(at.detected, at.detect.upto)
    return Done(detected, at.stored if at.store is None else max(at.stored, at.store.upto))


def caught_up(at: Checkpoint, seen: Done) -> Checkpoint:
    """Return a checkpoint that knows what the streams do, where it has forgotten it: nothing is done again."""
    so_far = known(at)
    if seen.detected > so_far.detected:
        at = msgspec.structs.replace(at, detected=seen.detected, detect=None)
    if seen.stored > so_far.stored:
        at = msgspec.structs.replace(at, stored=seen.stored, store=None)
    return at


def once_more(begun: Range | None) -> Range | None:
    """Return a range as it is begun by one more process."""
    if begun is None:
        return None
    deaths = begun.deaths + (begun.alone is not None)
    return msgspec.structs.replace(begun, tries=begun.tries + 1, deaths=deaths)
