"""Where a backup goes: a file that the hub can write, with room for it, and that whoever asked for it will find.

A hub that runs as a service may write to few folders, and sees a `/tmp` and a `/home` of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import IO

from carecordon.hub.config import Paths
from carecordon.hub.trust.keyfile import FILE_MODE
from carecordon.model.errors import TheirFault


def check_target(paths: Paths, target: Path, seen: tuple[int, int] | None = None) -> None:
    """Raise TheirFault where there is something already, or the hub sees no such folder, or another than the asker.

    `seen`: the folder's device and inode, as the asker sees it; None where it is the hub itself that asks.
    """
    try:
        status = target.parent.stat()
        there = next((path for path in (target, part_of(target)) if os.path.lexists(path)), None)
    except OSError as fault:
        raise _cannot(paths, target, fault.strerror or str(fault)) from fault
    if seen is not None and seen != (status.st_dev, status.st_ino):
        raise _cannot(paths, target, "by that name it sees another folder than you do")
    if there is not None:
        raise _taken(target, there)


def begin(paths: Paths, target: Path) -> IO[bytes]:
    """Return the file that becomes the backup, empty, beside it. Raises TheirFault where it cannot be written."""
    part = part_of(target)
    try:
        return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb")
    except FileExistsError as fault:
        raise _taken(target, part) from fault
    except OSError as fault:
        raise _cannot(paths, target, fault.strerror or str(fault)) from fault


def _taken(target: Path, there: Path) -> TheirFault:
    what = f"{there}: there is something there already"
    if there == target:
        return TheirFault(f"{what}: a backup never writes over another")
    return TheirFault(
        f"{what}: another backup is being written, or one was cut off, or it is a file of yours: take it away, "
        "or give the backup another name"
    )


def part_of(target: Path) -> Path:
    """Return what a backup is called while it is written."""
    return target.with_name(f"{target.name}.part")


def check_room(paths: Paths, target: Path, size: int, copy: int, reserve: int) -> None:
    """Raise TheirFault where there is no room for a backup of `size` bytes.

    `copy` bytes lie in the data meanwhile, where `reserve` bytes are left to the hub.
    """
    data, folder = paths.data, target.parent
    free = shutil.disk_usage(data).free
    if free < copy + reserve:
        raise TheirFault(
            f"{data}: a backup needs {copy:,} bytes here for a while and leaves {reserve:,} free, "
            f"but only {free:,} are: make room"
        )
    is_same = folder.stat().st_dev == data.stat().st_dev
    wanted, free = size + (copy + reserve if is_same else 0), shutil.disk_usage(folder).free
    if free < wanted:
        where = "here, on the disk that the hub works on," if is_same else "here"
        raise TheirFault(
            f"{folder}: the backup takes {size:,} bytes {where} and needs {wanted:,} free, but only {free:,} are: "
            "make room, or give a folder on another disk"
        )


def _cannot(paths: Paths, target: Path, why: str) -> TheirFault:
    return TheirFault(
        f"{target}: the backup was not taken: the hub ({_user()}) cannot write there: {why}. It is the hub that writes "
        "it, and as a service it may write to few folders and has a /tmp of its own: give a folder of the hub's, such "
        f"as {paths.data.parent}, and move the file from there"
    )


def _user() -> str:
    number = os.geteuid()
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:  # a container's
        return f"user number {number}"
