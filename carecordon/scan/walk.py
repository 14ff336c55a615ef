"""What there is to read: the files that the given paths name, folders opened out, in an order that never changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

STDIN = "-"
"""The path that means standard input."""


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

    Links are followed. `-` is standard input.
    """
    for path in paths:
        if path == STDIN:
            yield Source("stdin", None, None, True)
        else:
            yield from _enter(path, is_named=True, above=())


def shown_path(path: str) -> str:
    """Return a path as valid Unicode: bytes of a name that are none are written as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _enter(path: str, *, is_named: bool, above: tuple[str, ...]) -> Iterator[Source | Unread]:
    """Yield the file at `path`, or all in the folder at `path`; `above` are the real paths of the folders around it."""
    name = shown_path(path)
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as fault:
        yield Unread(name, _reason(fault, path), True)
        return
    if stat.S_ISDIR(status.st_mode):
        yield from _folder(path, above)
    elif stat.S_ISREG(status.st_mode):
        yield Source(name, Path(path), status.st_size, is_named)
    else:
        yield Unread(name, f"it is no file but a {special_kind(status.st_mode)}", is_named)


def _folder(path: str, above: tuple[str, ...]) -> Iterator[Source | Unread]:
    real = os.path.realpath(path)
    if real in above:
        yield Unread(shown_path(path), "a link that leads back to a folder around it", False)
        return
    try:
        with os.scandir(path) as entries:
            inside = sorted(entry.path for entry in entries)
    except OSError as fault:
        yield Unread(shown_path(path), _reason(fault, path), True)
        return
    for entry_path in inside:
        yield from _enter(entry_path, is_named=False, above=(*above, real))


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
