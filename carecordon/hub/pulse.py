"""What a process of the hub says of itself each second: a small file that the others may read at any time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

NANOSECONDS = 1_000_000_000


class Pulse(msgspec.Struct, frozen=True):
    """One process: its number, when it started and when it last said so (UTC ns), and its own figures.

    `figures` are counters that only rise (their names end in `_total`) and gauges (all others).
    """

    name: str
    pid: int
    started: int
    at: int
    figures: dict[str, float]


class Heart:
    """Writes a process's pulse, whole or not at all."""

    def __init__(self, folder: Path, name: str, now: int) -> None:
        """Write to `folder`, which exists, as `name`."""
        self._path = folder / f"{name}.pulse"
        self._name = name
        self._started = now

    def beat(self, now: int, figures: dict[str, float]) -> None:
        """Say that the process lives, with its figures; on a full disk it goes unsaid, and nobody dies of it."""
        new = self._path.with_suffix(".new")
        with suppress(OSError):
            new.write_bytes(msgspec.json.encode(Pulse(self._name, os.getpid(), self._started, now, figures)))
            new.replace(self._path)


def read_pulses(folder: Path) -> list[Pulse]:
    """Return what each process last said, by name; nothing of those that never spoke or were cut off while writing."""
    found = []
    for path in sorted(folder.glob("*.pulse")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Pulse))
        except (OSError, msgspec.DecodeError):
            continue
    return found


def is_alive(pulse: Pulse, now: int, within_s: float = 5.0) -> bool:
    """Return whether a process spoke lately."""
    return now - pulse.at < within_s * NANOSECONDS
