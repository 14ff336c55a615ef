"""One process at a time: a lock that the system lets go of when its holder dies."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path


class Lock:
    """Holds a file for this process."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises BlockingIOError where another process has it, OSError where the file cannot be made."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(self._descriptor)
        except OSError as fault:
            os.close(self._descriptor)
            if fault.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise BlockingIOError(fault.errno, "another process is using it", str(path)) from fault
            raise

    def release(self) -> None:
        """Let go of the lock; twice is once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
