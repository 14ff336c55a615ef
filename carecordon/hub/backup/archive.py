"""A backup as one file: an open head, then sealed files one behind the other, then the sealed list of them all.

Layout: MAGIC, the head's length (4 bytes, big-endian) and the head (JSON), then frames: one letter (`f` a file, `m` the
list, which is the last), 8 bytes of length, and what `sealed.py` makes. Names stand only in the sealed list, so no
name is read, let alone used, before the passphrase has shown it to be ours.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import msgspec

from carecordon.hub.backup.sealed import Lock, Sealing, copy_unsealed, lock_of, sealed_size, unseal
from carecordon.model.errors import TheirFault

MAGIC = b"carecordon backup 1\n"
MAX_HEAD = 4_096
MAX_LIST = 256 * 1024 * 1024
FILE, LIST = b"f", b"m"
COPY = 1024 * 1024

Draw = Callable[[int], bytes]


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands openly: when the backup was made (UTC ns), whose it is, and what the passphrase is stretched with."""

    created: int
    ods: Annotated[str, msgspec.Meta(max_length=16)]
    salt: Annotated[str, msgspec.Meta(max_length=128)]
    cost: int


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its name with forward slashes, its size in bytes, and its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is in a backup, in the order of its frames; `has_telemetry`: the events are among it."""

    created: int
    release: str
    ods: str
    has_telemetry: bool
    files: tuple[Entry, ...]


class Writer:
    """Writes an archive to a file that is open for writing."""

    def __init__(self, file: IO[bytes], head: Head, lock: Lock, draw: Draw) -> None:
        """Write the head."""
        self._file, self._lock, self._draw = file, lock, draw
        self.entries: list[Entry] = []
        packed = msgspec.json.encode(head)
        file.write(MAGIC + len(packed).to_bytes(4, "big") + packed)

    def add(self, name: str, path: Path) -> None:
        """Add a file under a name. Raises TheirFault for one under which it would not come back."""
        if not _is_plain(name):
            raise TheirFault(
                f"{path}: a backup takes no file of such a name (a backslash, signs that cannot be seen, too deep): "
                "rename it, or take it away"
            )
        with path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            digest = self._frame(FILE, str(len(self.entries)), source, size)
        self.entries.append(Entry(name, size, digest))

    def finish(self, manifest: Manifest) -> None:
        """Add the list, make sure that all is on disk."""
        packed = msgspec.json.encode(manifest)
        self._frame(LIST, "list", io.BytesIO(packed), len(packed))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _frame(self, letter: bytes, name: str, source: IO[bytes], size: int) -> str:
        self._file.write(letter + sealed_size(size).to_bytes(8, "big"))
        sealing = Sealing(self._lock, name, source, size, self._draw(16))
        while piece := sealing.read(COPY):
            self._file.write(piece)
        return sealing.sha256


def read_head(file: IO[bytes], where: str) -> Head:
    """Return the head of an archive. Raises TheirFault where it is none."""
    if file.read(len(MAGIC)) != MAGIC:
        raise TheirFault(f"{where}: this is no backup of Carecordon")
    length = int.from_bytes(file.read(4), "big")
    if length > MAX_HEAD:
        raise TheirFault(f"{where}: this is no backup of Carecordon: its head is too long")
    try:
        return msgspec.json.decode(file.read(length), type=Head)
    except msgspec.DecodeError as fault:
        raise TheirFault(f"{where}: its head cannot be read: {fault}") from fault


def open_archive(archive: Path, passphrase: str, folder: Path) -> Manifest:
    """Unseal all files into a folder, as `0`, `1`, …, hold them against the list, and return it.

    Raises TheirFault at whatever is not as it was written; the folder then holds what may be thrown away.
    """
    where = str(archive)
    try:
        with archive.open("rb") as file:
            head = read_head(file, where)
            with _told_of(where):
                lock = lock_of(passphrase, _salt(head), head.cost)
            return _files(file, lock, folder, where)
    except OSError as fault:
        raise TheirFault(f"{where}: {fault.strerror or fault}") from fault


def _files(file: IO[bytes], lock: Lock, folder: Path, where: str) -> Manifest:
    found: list[tuple[int, str]] = []
    while True:
        letter, length = file.read(1), int.from_bytes(file.read(8), "big")
        if letter == FILE:
            path = folder / str(len(found))
            with path.open("wb") as target, _told_of(where):
                digest = copy_unsealed(lock, str(len(found)), file, length, target)
            found.append((path.stat().st_size, digest))
        elif letter == LIST and length <= MAX_LIST:
            with _told_of(where):
                packed = b"".join(unseal(lock, "list", file, length))
            manifest = _list(packed, where)
            if file.read(1):
                raise TheirFault(f"{where}: something stands behind its end: it was altered")
            _compare(manifest.files, found, where)
            return manifest
        else:
            raise TheirFault(f"{where}: it ends too early, or is damaged: copy it again from where it was made")


def _list(packed: bytes, where: str) -> Manifest:
    try:
        return msgspec.json.decode(packed, type=Manifest)
    except msgspec.DecodeError as fault:
        raise TheirFault(f"{where}: a newer Carecordon made it ({fault}): restore with that one") from fault


def _compare(entries: Sequence[Entry], found: Sequence[tuple[int, str]], where: str) -> None:
    for entry in entries:
        check_name(entry.name, where)
    if [(entry.size, entry.sha256) for entry in entries] != list(found):
        raise TheirFault(f"{where}: what is in it is not what its list says: nothing was restored")
    if len({entry.name for entry in entries}) != len(entries):
        raise TheirFault(f"{where}: a name stands in its list twice: nothing was restored")


def check_name(name: str, where: str) -> None:
    """Raise TheirFault for a name that would lead out of the folder that it is restored to, or is hard to see."""
    if not _is_plain(name):
        raise TheirFault(f"{where}: it holds a file named {name[:100]!r}, which no backup of ours does")


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    is_plain = all(part not in ("", ".", "..") and len(part.encode("utf-8", "replace")) <= 255 for part in parts)
    return is_plain and len(parts) <= 32 and "\\" not in name and name.isprintable()


def _salt(head: Head) -> bytes:
    try:
        return bytes.fromhex(head.salt)
    except ValueError as fault:
        raise TheirFault(f"its head cannot be read: {fault}") from fault


@contextmanager
def _told_of(where: str) -> Iterator[None]:
    """Let what is wrong be told with the archive's name."""
    try:
        yield
    except TheirFault as fault:
        raise TheirFault(f"{where}: {fault}") from fault
