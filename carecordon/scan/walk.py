"""What there is to read: the files that the given paths name, folders opened out, in an order that never changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from carecordon.model.paths import shown_path

STDIN = "-"
"""The path that means standard input."""
STDIN_NAME = "stdin"


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read, not opened yet. Plain data: may travel to another process.

    `name` is the path as the user will see it (valid Unicode, control characters kept: whoever
    shows it on a terminal escapes them); `path` None means standard input; `size` in bytes,
    None if unknown; `is_named`: the user named this very file, so that its being no event file
    is a failure.
    """

    name: str
    path: Path | None
    size: int | None
    is_named: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, folder or archive member that is not read, and why.

    `is_failure`: it may hold events that now nobody sees; otherwise it is plainly something else.
    """

    name: str
    reason: str
    is_failure: bool


def walk(paths: Iterable[str]) -> Iterator[Source | Unread]:
    """Yield the files that `paths` name in the order given; a folder's sorted by name, each folder once.

    Links are followed, but no folder is read twice, whatever names it has. `-` is standard input.
    """
    entered: dict[str, str] = {}
    for path in paths:
        if path == STDIN:
            yield Source(STDIN_NAME, None, None, True)
            continue
        waiting = [_Place(path, None, is_named=True)]
        while waiting:
            place = waiting.pop()
            found = _enter(place, entered)
            if isinstance(found, list):
                waiting += reversed(found)
            else:
                yield found


@dataclass(frozen=True, slots=True)
class _Place:
    """A path still to look at.

    `real` is its real path, None where that must be asked for; `above` are those of the folders around it.
    """

    path: str
    real: str | None
    is_named: bool
    above: frozenset[str] = frozenset()


def _enter(place: _Place, entered: dict[str, str]) -> Source | Unread | list[_Place]:
    """Return the file at a place, or the places in the folder there; `entered` are folders' names by real path."""
    name = shown_path(place.path)
    path = Path(place.path)
    try:
        status = path.stat()
    except (OSError, ValueError) as fault:
        return Unread(name, _reason(fault, place.path), True)
    if stat.S_ISDIR(status.st_mode):
        return _folder(place, name, entered)
    if stat.S_ISREG(status.st_mode):
        return Source(name, path, status.st_size, place.is_named)
    return Unread(name, f"it is no file but a {special_kind(status.st_mode)}", place.is_named)


def _folder(place: _Place, name: str, entered: dict[str, str]) -> Unread | list[_Place]:
    real = place.real or os.path.realpath(place.path)
    if real in place.above:
        return Unread(name, "a link that leads back to a folder around it", False)
    if real in entered:
        return Unread(name, f"already read under {entered[real]}", False)
    entered[real] = name
    try:
        with os.scandir(place.path) as entries:
            inside = {one.path: _real_path(one, real) for one in entries}
    except OSError as fault:
        return Unread(name, _reason(fault, place.path), True)
    above = place.above | {real}
    return [_Place(path, inside[path], is_named=False, above=above) for path in sorted(inside)]


def _real_path(entry: os.DirEntry[str], real: str) -> str | None:
    """Return the real path of a folder in the folder `real`; None of a file, or where it must be asked for."""
    return str(Path(real, entry.name)) if entry.is_dir(follow_symlinks=False) and not _may_lead_away(entry) else None


def _may_lead_away(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry of a folder may be a way to elsewhere: a link, or on Windows a junction."""
    return os.name == "nt" or entry.is_symlink()


def special_kind(mode: int) -> str:
    """Return what a path is that is neither file nor folder."""
    kinds = ((stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))
    return next((kind for test, kind in kinds if test(mode)), "special file")


def _reason(fault: OSError | ValueError, path: str) -> str:
    """Return why a path cannot be entered; a link that leads nowhere is told as such."""
    if isinstance(fault, FileNotFoundError):
        return "a link that leads nowhere" if Path(path).is_symlink() else "there is no such file or folder"
    return os_reason(fault)


def os_reason(fault: Exception) -> str:
    """Return what the operating system says, without the path and the number."""
    text = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return text[:1].lower() + text[1:]
