"""The fleet's own account: every event that was written on a device, and when the hub said that it has it.

A file of records of one size, behind a line of JSON that names the devices. It is what a hub's store is held against.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

_FORM = struct.Struct("<BIQQQQ")
FLUSH = 64 * 1024


class Act(IntEnum):
    """What happened to events."""

    WRITTEN = 1
    """They are in the device's spool."""
    ACKNOWLEDGED = 2
    """The hub has everything of the epoch up to `last`; `first` is not told."""
    PLANTED = 3
    """As written, and somebody waits for them to be found."""
    RENUMBERED = 4
    """Everything of the epoch from `first` on that was not acknowledged gets other numbers, and is written again."""


class Entry(NamedTuple):
    """One line of the account. `device` is a place in the list of devices, `at` UTC ns."""

    act: Act
    device: int
    epoch: int
    first: int
    last: int
    at: int


class Ledger:
    """An account that is being written; None as path keeps none."""

    def __init__(self, path: Path | None, devices: list[str]) -> None:
        """Begin a new file for these devices (their ids)."""
        self._file = None if path is None else path.open("wb", buffering=FLUSH)
        if self._file is not None:
            self._file.write(msgspec.json.encode(devices) + b"\n")

    def __enter__(self) -> Self:
        """Hold it open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def note(self, act: Act, device: int, epoch: int, first: int, last: int, at: int) -> None:
        """Write a line."""
        if self._file is not None:
            self._file.write(_FORM.pack(act, device, epoch, first, last, at))

    def flush(self) -> None:
        """Let others read what was written."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


class Account(NamedTuple):
    """An account that was read: the ids of the devices, and what happened, in order."""

    devices: list[str]
    entries: list[Entry]


def read_ledger(path: Path) -> Account:
    """Return an account; a last line that is cut off is left out. Raises OSError, or ValueError for another file."""
    with path.open("rb") as file:
        devices = msgspec.json.decode(file.readline(), type=list[str])
        return Account(devices, list(_entries(file.read())))


def _entries(content: bytes) -> Iterator[Entry]:
    whole = len(content) - len(content) % _FORM.size
    for act, *rest in _FORM.iter_unpack(content[:whole]):
        yield Entry(Act(act), *rest)


def marks(account: Account) -> dict[tuple[str, int], int]:
    """Return the highest number of each device's epoch that the hub said it has."""
    found: dict[tuple[str, int], int] = {}
    for entry in account.entries:
        if entry.act is Act.ACKNOWLEDGED:
            key = (account.devices[entry.device], entry.epoch)
            found[key] = max(found.get(key, -1), entry.last)
    return found


def acknowledged(account: Account) -> Iterator[tuple[str, int, int, int]]:
    """Yield device, epoch, first and last number of every batch that the hub said it has, whole."""
    upto = marks(account)
    for entry in account.entries:
        if entry.act in (Act.WRITTEN, Act.PLANTED):
            device = account.devices[entry.device]
            if entry.last <= upto.get((device, entry.epoch), -1):
                yield device, entry.epoch, entry.first, entry.last
