"""Whether a hub runs on a folder: locks keep a second one off its data and its keys for as long as it lives."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO

from carecordon.hub.config import Paths
from carecordon.model.errors import TheirFault

LOCK = "hub.lock"
TRIES = 5
PAUSE_S = 0.02
"""Who only looks whether a hub runs holds the lock for less than that."""


def lock(paths: Paths) -> IO[bytes]:
    """Return what keeps a second hub off this folder of data until it is closed. Raises TheirFault where one runs."""
    paths.data.mkdir(parents=True, exist_ok=True)
    held = _held((paths.data / LOCK).open("ab"))
    if held is None:
        raise TheirFault(f"{paths.data}: a hub runs on it already; look at it with `carecordon hub status`")
    return held


def lock_keys(key: Path) -> IO[bytes]:
    """Return what keeps a second hub off a hub's keys, by the file of one; raises TheirFault where one runs with them.

    A copy of a hub beside it would write its own anchors there, and the audit log of either would look rewritten.
    """
    try:
        file = key.open("rb")
    except FileNotFoundError as fault:
        raise TheirFault(f"{key}: it is not there: name the folder of this hub's keys with --keys") from fault
    held = _held(file)
    if held is None:
        raise TheirFault(f"{key.parent}: another hub runs with these keys: stop it, or name this hub's own with --keys")
    return held


def _held(file: IO[bytes]) -> IO[bytes] | None:
    """Return a file that nobody else holds from now on, or None."""
    for _ in range(TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_S)
        else:
            return file
    file.close()
    return None


def is_running(paths: Paths) -> bool:
    """Return whether a hub runs on this folder of data; it may be starting yet. Raises OSError where it is not ours."""
    try:
        with (paths.data / LOCK).open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
