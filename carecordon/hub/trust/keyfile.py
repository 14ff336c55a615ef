"""Files of secrets: written whole or not at all, and readable by nobody but the hub's own user."""

from __future__ import annotations

import os
from pathlib import Path

from carecordon.model.errors import TheirFault

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, and make an existing one so."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)


def check_apart(data: Path, keys: Path) -> None:
    """Raise TheirFault where one folder is the other or lies in it, by whatever links, so that a copy holds both."""
    one, other = data.resolve(), keys.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise TheirFault(
            f"{keys}: data ({data}) and keys lie apart, neither in the other, so that a copy of one gives nobody the "
            "other: give another folder"
        )


def write_secret(path: Path, data: bytes) -> None:
    """Write a file of 0600, whole or not at all; on return it is on disk."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def too_open(folder: Path) -> list[str]:
    """Return what others than the owner could get at in a folder of keys, and how to close it."""
    found = []
    for path in (folder, *sorted(folder.rglob("*"))):
        mode = FOLDER_MODE if path.is_dir() else FILE_MODE
        has = path.stat().st_mode & 0o777
        if has & 0o077:
            found.append(f"{path}: others may use it ({has:04o}): chmod {mode:04o} {path}")
    return found


def read_secret(path: Path) -> str:
    """Return the text of a file of secrets, without the line's end. Raises TheirFault where it cannot be read."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise TheirFault(f"{path}: the secret in it cannot be read: {fault}") from fault
