"""Which processes a hub ought to have, and how each is: the supervisor writes down whom it starts, and how that went.

A process that never came up has said nothing of itself, so without that list nobody would miss it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from carecordon.hub.pulse import Pulse, is_alive

FILE = "crew.json"
READY = "ready"
"""What the supervisor tells of a process that can work; all else is what went wrong with it."""


class Crew(msgspec.Struct, frozen=True):
    """Whom the supervisor starts: each by name, with what went wrong with it since it was ready last, or ''."""

    faults: dict[str, str]


class State(StrEnum):
    """How a process is."""

    ALIVE = "alive"
    SILENT = "silent"
    """It spoke, and does not any more."""
    STARTING = "starting"
    DOWN = "down"
    """It did not come up: it ended before it ever spoke, and is tried again and again."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process: how it is, what it last said of itself, and what went wrong with it since it was ready last."""

    name: str
    state: State
    pulse: Pulse | None = None
    fault: str = ""


class Roll:
    """Writes the crew down. For the supervisor alone."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        """Write to `folder`, which exists, that these are being started."""
        self._path = folder / FILE
        self._faults = dict.fromkeys(names, "")
        self._write()

    def tell(self, name: str, what: str) -> None:
        """Write down what became of one of them."""
        self._faults[name] = "" if what == READY else what
        self._write()

    def _write(self) -> None:
        """Write all of it or nothing; on a full disk the former stays, and nobody dies of it."""
        new = self._path.with_suffix(".new")
        with suppress(OSError):
            new.write_bytes(msgspec.json.encode(Crew(self._faults)))
            new.replace(self._path)


def read_crew(folder: Path) -> Crew | None:
    """Return the crew; None where no supervisor wrote one down."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Crew)
    except (OSError, msgspec.DecodeError):
        return None


def muster(crew: Crew | None, pulses: Sequence[Pulse], now: int) -> list[Member]:
    """Return all that ought to be there or have spoken, by name. `now` UTC ns."""
    faults = {} if crew is None else crew.faults
    spoke = {pulse.name: pulse for pulse in pulses}
    return [_member(name, spoke.get(name), faults.get(name, ""), now) for name in sorted({*faults, *spoke})]


def _member(name: str, pulse: Pulse | None, fault: str, now: int) -> Member:
    if pulse is None:
        return Member(name, State.DOWN if fault else State.STARTING, None, fault)
    return Member(name, State.ALIVE if is_alive(pulse, now) else State.SILENT, pulse, fault)
