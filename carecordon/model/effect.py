"""What a step asks the world to do; carried out at least once, made single by its key."""

from __future__ import annotations

from dataclasses import dataclass

from carecordon.model.incident import Incident
from carecordon.model.match import CorrelationMatch, Match
from carecordon.model.process import ProcessStart


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what was found: matches, what they mean together, and processes for triage to go by."""

    item: Match | CorrelationMatch | ProcessStart | Incident


Effect = Record
