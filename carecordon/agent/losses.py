"""What an agent has to say of itself as an event: what it could not keep, counted, so that no hole is silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from carecordon.agent.rank import OWN, Rank
from carecordon.model.batch import Rows
from carecordon.model.errors import TheirFault
from carecordon.model.event import Fields, Kind
from carecordon.model.gather import gather
from carecordon.wire import codec

PROVIDER = "Carecordon"
LOST, DAMAGED, UNSENDABLE, REFUSED = 1, 2, 3, 4
"""Event ids of the agent's own channel: dropped since the spool was full; unreadable on disk; too large for any batch;
refused by the hub for good."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Events that will not come. `events` None: not known; their numbers are `first` to `last` (None: open) at most.

    `event_id` says why; `size_bytes` is how much of a file could not be read; `what` tells more, in words.
    """

    event_id: int
    rank: Rank
    events: int | None
    first: int
    last: int | None
    size_bytes: int = 0
    what: str = ""


Tell = Callable[[Loss, int], bytes]
"""Writes a loss as a batch of one event of this number."""


def telling(device: str, now: Callable[[], int]) -> Tell:
    """Return what writes losses as events of `device`; `now` is the clock, UTC ns."""

    def tell(loss: Loss, number: int) -> bytes:
        fields: Fields = {
            "Class": f"P{loss.rank:d}",
            "FirstNumber": loss.first,
        }
        if loss.last is not None:
            fields["LastNumber"] = loss.last
        if loss.events is not None:
            fields["Events"] = loss.events
        if loss.size_bytes:
            fields["Bytes"] = loss.size_bytes
        if loss.what:
            fields["Message"] = loss.what
        kind = Kind(OWN, PROVIDER, loss.event_id)
        return codec.encode(gather(Rows([kind], [fields], [now()], [device], [None], [number])))

    return tell


def renumbered(data: bytes, first: int) -> bytes | None:
    """Return a batch with its events counted from `first` on; None where it cannot be read."""
    try:
        table = codec.decode(data)
        return codec.encode(replace(table, sequence=np.arange(first, first + len(table), dtype=np.int64)))
    except TheirFault:
        return None
