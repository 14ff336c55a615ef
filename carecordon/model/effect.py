"""What a step asks the world to do; carried out at least once, made single by its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from carecordon.model.incident import Incident
from carecordon.model.match import CorrelationMatch, Match
from carecordon.model.process import ProcessStart


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what was found: matches, what they mean together, and processes for triage to go by."""

    item: Match | CorrelationMatch | ProcessStart | Incident


@dataclass(frozen=True, slots=True)
class Keep:
    """Write a record of the step's own state under its key, in one transaction with what it recorded; None: delete."""

    key: tuple[str, ...]
    record: bytes | None


Effect = Record | Keep


def recorded(effects: Iterable[Effect]) -> list[Match | CorrelationMatch | ProcessStart | Incident]:
    """Return what is to be kept and shown, without the step's own records."""
    return [effect.item for effect in effects if isinstance(effect, Record)]
