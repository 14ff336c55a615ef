"""What a scan says beside its matches: how it began, what it read, what it saw and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carecordon.model.errors import Refused
from carecordon.model.incident import Case
from carecordon.model.match import BlindSpot, CorrelationMatch, Level, Match


@dataclass(frozen=True, slots=True)
class Begin:
    """The run itself: program version, SHA-256 of the rules and the command line as it was given."""

    version: str
    rules_hash: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input: its path as given (`archive.zip!member`), SHA-256 and size in bytes as read, events, reader.

    What could not be learnt, because the file could not be read to its end, is None.
    """

    file: str
    sha256: str | None
    size: int | None
    records: int | None
    feed: str | None


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """One log of one device: how many events, the first and the last time (UTC ns) in them."""

    device: str | None
    channel: str | None
    events: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals of a scan; `partial` if it was stopped before all input was read.

    `events_skipped` are those that could not be read, and `events_outside`: those outside `--from` and `--to`.
    `rules_loaded` = ready + dormant. `findings_hidden` are those below `min_level`, where one was asked for.
    """

    events_read: int
    events_skipped: int
    files_read: int
    files_failed: int
    rules_loaded: int
    rules_ready: int
    rules_dormant: int
    rules_refused: int
    seconds: float
    partial: bool
    events_outside: int = 0
    min_level: Level | None = None
    findings_hidden: int = 0


@dataclass(frozen=True, slots=True)
class Closing:
    """Everything that stands after the matches in a result: what was read, what was not seen, how it ended."""

    inputs: tuple[InputFile, ...]
    refused: tuple[Refused, ...]
    unseen: tuple[BlindSpot, ...]
    sources: tuple[SourceSeen, ...]
    summary: Summary


@dataclass(frozen=True, slots=True)
class Result:
    """All that a scan tells: `cases` the worst first; `findings` by (time, file, position), and read once."""

    begin: Begin
    findings: Iterable[Match | CorrelationMatch]
    closing: Closing
    cases: Sequence[Case] = ()


@dataclass(frozen=True, slots=True)
class RulesSummary:
    """How rules loaded: `loaded` = `ready` + `dormant`."""

    loaded: int
    ready: int
    dormant: int
    refused: int
