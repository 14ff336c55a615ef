"""Whether a hub runs on a folder of data: the lock that keeps a second one off it, held as long as the first lives."""

from __future__ import annotations

import fcntl
import time
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
    held = (paths.data / LOCK).open("ab")
    for _ in range(TRIES):
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE_S)
        else:
            return held
    held.close()
    raise TheirFault(f"{paths.data}: a hub runs on it already; look at it with `carecordon hub status`")


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
