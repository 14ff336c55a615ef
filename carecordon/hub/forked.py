"""A process made by a fork: it has imported all that its parent has, so that it works at once, and shares that memory.

The parent must run one thread of its own only (numpy's linear algebra ends and remakes its own around a fork), and hold
no open connection that a child could take for its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import IO, Protocol

import setproctitle

from carecordon.hub.collector import at_rest

_PR_SET_PDEATHSIG = 1
"""Source: Linux, prctl(2)."""
_FIRST_OF_OTHERS = 3
LOOK_S = 0.02
_FORK = multiprocessing.get_context("fork")


class Running(Protocol):
    """A process as its supervisor sees it; as `subprocess.Popen` does."""

    @property
    def pid(self) -> int:
        """Return its number."""

    def poll(self) -> int | None:
        """Return its exit status, negative where a signal ended it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it runs."""

    def kill(self) -> None:
        """End it."""


def import_all(modules: Iterable[str]) -> None:
    """Import what a process will need, and keep the collector off it, so that its memory stays shared.

    What cannot be imported is left to the process that needs it: it says so in its own log.
    """
    with at_rest():
        for name in modules:
            try:
                import_module(name)
            except Exception as fault:  # noqa: BLE001  # one process that cannot start must not keep the others from it
                sys.stderr.write(f"{name}: {type(fault).__name__}: {fault}\n")


class Forked:
    """A process that calls a function and ends when that returns."""

    def __init__(self, title: str, call: Callable[[], int | None], words: int, log: IO[bytes]) -> None:
        """Begin it; `title` is what lists of processes show, `words` and `log` become its standard output and error."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = _FORK.Process(target=_run, args=(title, call, os.getpid(), words, log.fileno()), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Return its number."""
        pid = self._process.pid
        return 0 if pid is None else pid  # never None: it was started

    def poll(self) -> int | None:
        """Return its exit status, negative where a signal ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status. Raises subprocess.TimeoutExpired."""
        # Not `join`: it waits for the end of a pipe, which the process closes with all other files of its parent.
        end = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
            time.sleep(LOOK_S)
        return status

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it."""
        self._process.kill()


def end_with_parent() -> None:
    """Let the system kill this process when its supervisor is gone, however that went: two hubs share no disk.

    It is not asked to end: the next hub would wait for it, and what dies at any moment loses nothing.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _run(title: str, call: Callable[[], int | None], parent: int, words: int, log: int) -> None:
    """Be a process of its own: nothing of the parent's but what it has imported. Raises SystemExit."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()  # a terminal's Ctrl-C goes to the supervisor alone
    end_with_parent()
    if os.getppid() != parent:  # it was gone before it could be waited for
        sys.exit(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(words, 1)
    os.dup2(log, 2)
    for opened in [int(one.name) for one in Path("/proc/self/fd").iterdir()]:
        if opened >= _FIRST_OF_OTHERS:
            with contextlib.suppress(OSError):  # that of the listing itself is closed already
                os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115  # the process's own three
    setproctitle.setproctitle(title)
    sys.exit(call())
