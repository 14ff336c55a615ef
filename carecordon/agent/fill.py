"""Events become batches: gathered, numbered, encoded and put on disk together, in classes where there are many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from carecordon.agent.losses import UNSENDABLE, Loss
from carecordon.agent.positions import Place, Positions
from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank, rank_of
from carecordon.model.batch import Row, Rows
from carecordon.model.errors import TheirFault
from carecordon.model.gather import gather
from carecordon.wire import codec
from carecordon.wire.session import MAX_BATCH_BYTES

BATCH_EVENTS = 500
SPLIT_FROM = 64
"""So few events stay one batch, in the class of the dearest: many small batches would cost more than they save."""


class Keeping(Protocol):
    """Where batches are put: see `agent/spool.py`."""

    @property
    def epoch(self) -> int:
        """Return the epoch of what comes next."""
        ...

    @property
    def next(self) -> int:
        """Return the number that the next event gets."""
        ...

    def append(self, parts: list[Part]) -> None:
        """Keep parts on disk. Raises OSError where that is impossible now."""
        ...

    def note(self, loss: Loss) -> None:
        """Remember a loss, and tell of it by an event."""
        ...


@dataclass(frozen=True, slots=True)
class Fresh:
    """Events that a source gives. `place` is how far it is read with them; it is kept when they are on disk."""

    rows: Rows
    place: Place | None = None


class Filler:
    """Holds events until they are put on disk together."""

    def __init__(self, spool: Keeping, positions: Positions | None = None) -> None:
        """Fill `spool`; places go into `positions`."""
        self._spool = spool
        self._positions = positions
        self._rows: list[Row] = []
        self._places: dict[str, Place] = {}
        self.kept_total = self.batches_total = self.bytes_total = self.unsendable_total = 0

    def __len__(self) -> int:
        """Return how many events are held."""
        return len(self._rows)

    def add(self, fresh: Fresh) -> None:
        """Hold events."""
        rows = fresh.rows
        self._rows.extend(
            zip(rows.kinds, rows.fields, rows.times, rows.devices, rows.record_ids, rows.positions, strict=True)
        )
        if fresh.place is not None:
            self._places[fresh.place.source] = fresh.place

    def flush(self) -> int:
        """Put all that is held on disk, tell its sources, and return how many events that was.

        Raises OSError where that is impossible now; everything is held still.
        """
        rows, number = self._rows, self._spool.next
        parts: list[Part] = []
        unsendable: list[Loss] = []
        for rank, some in _classes(rows):
            for start in range(0, len(some), BATCH_EVENTS):
                for part in _encoded(rank, some[start : start + BATCH_EVENTS], number):
                    if isinstance(part, Loss):
                        unsendable.append(part)
                        continue
                    parts.append(part)
                    number = part.last + 1
        self._keep(parts, number)
        for loss in unsendable:
            self._spool.note(loss)
        self._rows, self._places = [], {}
        kept = sum(part.events for part in parts)
        self.kept_total += kept
        self.unsendable_total += len(unsendable)
        self.batches_total += len(parts)
        self.bytes_total += sum(len(part.data) for part in parts)
        return kept

    def _keep(self, parts: list[Part], upto: int) -> None:
        """Put parts in the spool, and the places that go with them, so that after a crash both agree."""
        if self._positions is None or not self._places:
            self._spool.append(parts)
            return
        self._positions.intend(self._spool.epoch, upto, self._places.values())
        self._spool.append(parts)
        self._positions.kept()


def _classes(rows: list[Row]) -> Iterable[tuple[Rank, list[Row]]]:
    """Return the events by class, the dearest first; a few stay together."""
    found: dict[Rank, list[Row]] = {}
    for row in rows:
        found.setdefault(rank_of(row[0]), []).append(row)
    if len(rows) < SPLIT_FROM and found:
        return [(min(found), rows)]
    return sorted(found.items())


def _encoded(rank: Rank, rows: list[Row], first: int) -> Iterable[Part | Loss]:
    """Yield the batches of some events, counted from `first` on: in halves where one would be too large."""
    data, why = None, ""
    try:
        table = gather(Rows.of(rows))
        data = codec.encode(replace(table, sequence=np.arange(first, first + len(rows), dtype=np.int64)))
        why = f"it has {len(data)} bytes"
    except TheirFault as fault:
        why = str(fault)
    if data is not None and len(data) <= MAX_BATCH_BYTES:
        yield Part(rank, first, first + len(rows) - 1, data)
    elif len(rows) == 1:
        yield Loss(UNSENDABLE, rank, 1, first, None, what=why[:500])
    else:
        half = len(rows) // 2
        for part in _encoded(rank, rows[:half], first):
            yield part
            first = part.last + 1 if isinstance(part, Part) else first
        yield from _encoded(rank, rows[half:], first)
