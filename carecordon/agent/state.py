"""A device's state folder: who it is, what it has not delivered yet, and how far its sources are read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carecordon.agent.losses import telling
from carecordon.agent.positions import Positions
from carecordon.agent.spool import LIMIT_BYTES, Spool

SPOOL, PLACES = "spool", "places.db"


@dataclass(frozen=True, slots=True)
class State:
    """What is open of a state folder."""

    spool: Spool
    positions: Positions


@contextmanager
def open_state(folder: Path, device: str, limit_bytes: int = LIMIT_BYTES) -> Iterator[State]:
    """Hold a state folder open; `device` is the name in the events by which an agent tells of losses.

    Raises BlockingIOError where another process has it, OSError where it cannot be used.
    """
    spool = Spool(folder / SPOOL, telling(device, time.time_ns), limit_bytes)
    try:
        positions = Positions(folder / PLACES, spool)
        try:
            yield State(spool, positions)
        finally:
            positions.close()
    finally:
        spool.close()
