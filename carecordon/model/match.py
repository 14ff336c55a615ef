"""What detection says: a rule matches an event, or a correlation of such matches, or something could not be seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from msgspec import Struct

from carecordon.model.event import Fields, Value


class Level(StrEnum):
    """Criticality of a rule. Source: Sigma rules specification 2.1, `level`."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    rank: int
    """0 (informational) to 4 (critical)."""

    def __new__(cls, value: str) -> Self:
        """Return the level of this name; each ranks above those before it."""
        level = str.__new__(cls, value)
        level._value_ = value
        level.rank = len(cls.__members__)
        return level


class RuleHead(Struct, frozen=True):
    """What a reader needs to know of a rule beside its logic."""

    id: str
    title: str
    level: Level
    techniques: tuple[str, ...]
    """ATT&CK ids in capitals, e.g. `T1059.001`, in the rule's order."""
    path: str
    line: int
    is_silent: bool = False
    """True for a rule that only feeds correlations: its matches are not shown."""
    tactics: tuple[str, ...] = ()
    """ATT&CK tactics by their short names, e.g. `lateral-movement`, in the rule's order."""
    triage: tuple[str, ...] = ()
    """What to do about a match, step by step, where the rule says it (`triage:`)."""
    benign: tuple[str, ...] = ()
    """Known harmless causes (`falsepositives:`)."""


class Match(Struct, frozen=True):
    """One rule matching one event.

    `time` UTC ns or None; `fields` those fields that the rule names and the event carries.
    `carried` those fields of the event that correlations go by, or all where redaction asks, never shown; empty where
    neither does. `digest` what tells the whole event from others, where correlations ask.
    """

    rule: RuleHead
    file: str
    position: int
    record_id: int | None
    time: int | None
    device: str | None
    channel: str | None
    event_id: int | None
    fields: Fields
    carried: Fields = {}
    subject: Fields = {}
    """Those fields of the event that triage goes by: who did it, with what, from where (triage/subject.py)."""
    digest: bytes = b""


class CorrelationMatch(Struct, frozen=True):
    """A correlation rule satisfied by events of one group within its timespan.

    `group` alias or field name to value; `count` the figure that the condition was held
    against; `start` and `end` UTC ns of the first and last event; `members` (file,
    position) in time order, every place an event stands at.
    """

    rule: RuleHead
    group: dict[str, Value]
    count: int | float
    start: int
    end: int
    members: tuple[tuple[str, int], ...]


class Unseen(StrEnum):
    """Why something could not be seen."""

    FILE = "file"
    RECORD = "record"
    LOGSOURCE = "logsource"
    FIELD = "field"
    CLOCK = "clock"
    GAP = "gap"
    CLEARED = "cleared"
    ASSET = "asset"


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """One thing that detection could not see; `count` is how many events, records or rules it concerns."""

    kind: Unseen
    reason: str
    file: str | None = None
    position: int | None = None
    device: str | None = None
    count: int | None = None
