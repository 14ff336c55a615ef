"""A folder on a disk whose power fails: what was written, what was put on disk, and the files as they may be found.

It takes a run apart into writes, cuts, syncs and names, applies them one by one, and at any point writes out what
may be there after the power comes back: everything put on disk by then, and of the rest nothing, or, with a `rng`,
any of it: each 512-byte sector of a write, each cut and each change of a name by itself. Names (of files made and
removed) are on disk once their folder is.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Made:
    """A file was made, empty."""

    name: str


@dataclass(frozen=True, slots=True)
class Wrote:
    """Bytes were written at an offset."""

    name: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A file was cut, or filled up, to a size."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A file was put on disk."""

    name: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A file was removed."""

    name: str


@dataclass(frozen=True, slots=True)
class FolderSynced:
    """All names were put on disk."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Somebody was told that something is on disk: `what` is for the test that wrote it down."""

    what: object


Act = Made | Wrote | Cut | Synced | Removed | FolderSynced | Receipt


@dataclass(slots=True)
class _File:
    held: bytearray = field(default_factory=bytearray)
    pending: list[Wrote | Cut] = field(default_factory=list)


class Disk:
    """A folder, act by act."""

    def __init__(self) -> None:
        """Begin with an empty folder."""
        self._named: dict[str, _File] = {}
        self._on_disk: dict[str, _File] = {}
        self.receipts: list[object] = []
        """What somebody was told so far."""

    def apply(self, acts: Iterable[Act]) -> None:
        """Let these happen."""
        for act in acts:
            self._apply(act)

    def _apply(self, act: Act) -> None:
        match act:
            case Made(name):
                self._named[name] = _File()
            case Wrote(name) | Cut(name):
                self._named[name].pending.append(act)
            case Synced(name):
                file = self._named[name]
                for done in file.pending:
                    _change(file.held, done)
                file.pending.clear()
            case Removed(name):
                self._named.pop(name, None)
            case FolderSynced():
                self._on_disk = dict(self._named)
            case Receipt(what):
                self.receipts.append(what)

    def write_to(self, folder: Path, rng: random.Random | None = None) -> None:
        """Write the files as they may be found after the power fails now."""
        folder.mkdir(parents=True)
        for name in sorted(self._named.keys() | self._on_disk.keys()):
            which = self._on_disk if rng is None or rng.random() < 0.5 else self._named
            file = which.get(name)
            if file is None:
                continue
            found = bytearray(file.held)
            if rng is not None:
                for act in file.pending:
                    _change_some(found, act, rng)
            (folder / name).write_bytes(found)


def _change(held: bytearray, act: Wrote | Cut) -> None:
    match act:
        case Wrote(_, offset, data):
            _fill_to(held, offset)
            held[offset : offset + len(data)] = data
        case Cut(_, size):
            _fill_to(held, size)
            del held[size:]


def _change_some(held: bytearray, act: Wrote | Cut, rng: random.Random) -> None:
    """Let any part of it happen."""
    if isinstance(act, Cut):
        if rng.random() < 0.5:
            _change(held, act)
        return
    kept = rng.random()
    start = act.offset
    while start < act.offset + len(act.data):
        end = min((start // SECTOR + 1) * SECTOR, act.offset + len(act.data))
        if rng.random() < kept:
            _change(held, Wrote(act.name, start, act.data[start - act.offset : end - act.offset]))
        start = end


def _fill_to(held: bytearray, size: int) -> None:
    held.extend(bytes(max(0, size - len(held))))
