"""What a step asks the world to do; carried out at least once, made single by its key."""

from __future__ import annotations

from dataclasses import dataclass

from carecordon.model.match import CorrelationMatch, Match


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what was found and show it."""

    item: Match | CorrelationMatch


Effect = Record
