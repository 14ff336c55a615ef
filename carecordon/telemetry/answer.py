"""What a question gives: an answer that says when it was cut, a refusal that says where, or events come back whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from carecordon.model.event import Fields, Kind, Value
from carecordon.model.merged import FILE_SEPARATOR

Cell = str | int | float | bool | None | Sequence["Cell"] | Mapping[str, "Cell"]
"""What stands in an answer; times are text in UTC, `2026-11-27 22:46:22.123456789`."""


STOPPED = "stopped: "
"""How a reason begins where the store ended a question at its limits, before there was a whole answer."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a question may cost. The keeper has a ceiling of its own, and the lower one holds."""

    seconds: float = 10.0
    rows: int = 10_000
    memory_bytes: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question gave. `why` says what is missing where `is_cut`, else ''."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    is_cut: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """A question that is not answered, and why; `line` and `column` count from 1, 0 where the whole is meant."""

    reason: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return `question:line:column: reason`, as errors read elsewhere."""
        return f"question:{self.line}:{self.column}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A question that the store ended at its limits before there was anything to tell; `why` begins with STOPPED."""

    why: str


class Place(NamedTuple):
    """Which event: who sent it, in which epoch, under which number. Names an event for ever."""

    sender: str
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as it came back. `time` UTC ns (None: it gave none), `received` UTC ns."""

    place: Place
    kind: Kind
    device: str | None
    time: int | None
    received: int
    fields: Fields

    @property
    def file(self) -> str:
        """Return what stands for its file wherever a scan would name one."""
        return f"{self.place.sender}{FILE_SEPARATOR}{self.place.epoch}"

    @property
    def moment(self) -> int:
        """Return when it happened, or was received where that is not known (UTC ns)."""
        return self.received if self.time is None else self.time


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order of time. `after` goes into the next question for what follows; None: there is no more.

    `cut` says what else is missing and why, '' where nothing is: the store ended the question, or a tree is too large.
    """

    events: tuple[Stored, ...]
    after: tuple[int, Place] | None
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Prevalence:
    """How common a value is. `first` and `last` UTC ns, None where nobody has it."""

    field: str
    value: Value
    devices: int
    events: int
    first: int | None
    last: int | None
