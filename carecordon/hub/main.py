"""The supervisor: starts the hub's processes, starts again what dies, and ends them in order.

It is handed names and command lines and imports none of them. What dies is started again after
a second, and after ever longer pauses where it dies again at once; the others go on meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

READY = b"ready"
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 5.0
"""What ran so long before it died may be started again at once."""
STOP_S = 20.0
"""How long a process may take to end when it is asked to."""
LOG_BYTES = 20 * 1024 * 1024
"""A log that has grown beyond this becomes the old one, of which one is kept."""
LOG_LOOK_S = 3.0


_PR_SET_PDEATHSIG = 1
"""Source: Linux, prctl(2)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process: its name and how it is started."""

    name: str
    command: tuple[str, ...]


@dataclass(slots=True)
class _Child:
    job: Job
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due: float = 0.0
    is_ready: bool = False
    deaths: int = 0


@dataclass(slots=True)
class Supervisor:
    """Runs jobs until it is told to stop. `tell` is called with a job's name and what became of it."""

    jobs: Sequence[Job]
    logs: Path
    tell: Callable[[str, str], None]
    _children: dict[str, _Child] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _looked: float = 0.0

    def start(self) -> None:
        """Start all jobs, in their order."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for job in self.jobs:
            self._children[job.name] = _Child(job)
            self._launch(self._children[job.name])

    @property
    def is_ready(self) -> bool:
        """Return whether every job has said that work can begin."""
        return all(child.is_ready for child in self._children.values())

    def pid(self, name: str) -> int | None:
        """Return the number of a job's process; None while it does not run."""
        process = self._children[name].process
        return None if process is None else process.pid

    def look(self, wait_s: float) -> None:
        """Wait for what happens, at most so long; start again what has died and is due."""
        for key, _ in self._selector.select(wait_s):
            self._hear(key.data, key.fileobj)
        now = time.monotonic()
        for child in self._children.values():
            self._mind(child, now)
        if now - self._looked >= LOG_LOOK_S:
            self._looked = now
            for name in self._children:
                self._trim(name)

    def stop(self) -> None:
        """End all jobs in the order in which they were named, each with time to finish; kill what does not."""
        for child in self._children.values():
            process = child.process
            if process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.tell(child.job.name, "did not end when it was asked to, and was killed")
                process.kill()
                process.wait()
            self._close(process)
            child.process = None
        self._selector.close()

    def _launch(self, child: _Child) -> None:
        log = self._log(child.job.name)
        try:
            child.process = subprocess.Popen(  # noqa: S603  # our own commands
                child.job.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C goes to the supervisor alone
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # the supervisor has one thread
            )
        finally:
            log.close()
        child.started = time.monotonic()
        child.is_ready = False
        if child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _log(self, name: str) -> IO[bytes]:
        self._trim(name)
        return (self.logs / f"{name}.log").open("ab")

    def _trim(self, name: str) -> None:
        """Begin a log anew that has grown too large, in place: its process holds it open, and writes at its end."""
        path = self.logs / f"{name}.log"
        try:
            if path.stat().st_size > LOG_BYTES:
                shutil.copyfile(path, path.with_suffix(".log.1"))
                os.truncate(path, 0)
        except FileNotFoundError:
            return
        except OSError as fault:  # a full disk: the log is what can be done without
            self.tell(name, f"its log was too large to be kept and was cut off: {fault}")
            with contextlib.suppress(OSError):
                os.truncate(path, 0)

    def _hear(self, child: _Child, pipe: object) -> None:
        process = child.process
        if process is None or process.stdout is None or pipe is not process.stdout:
            return
        try:
            said = os.read(process.stdout.fileno(), 65_536)
        except BlockingIOError:  # nothing after all
            return
        if not said:
            self._selector.unregister(process.stdout)
        elif READY in said and not child.is_ready:
            child.is_ready = True
            self.tell(child.job.name, "ready")

    def _mind(self, child: _Child, now: float) -> None:
        process = child.process
        if process is not None:
            status = process.poll()
            if status is None:
                return
            self._bury(child, process, status, now)
        if now >= child.due:
            self._launch(child)

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(process.stdout)
            process.stdout.close()

    def _bury(self, child: _Child, process: subprocess.Popen[bytes], status: int, now: float) -> None:
        self._close(process)
        is_steady = now - child.started >= STEADY_S
        child.pause_s = FIRST_PAUSE_S if is_steady else min(LONGEST_PAUSE_S, child.pause_s * 2)
        child.due = now + (0.0 if is_steady else child.pause_s)
        child.process = None
        child.is_ready = False
        child.deaths += 1
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self.tell(child.job.name, f"{how}; it is started again (its words: {self.logs / child.job.name}.log)")


def _end_with_parent() -> None:
    """Let the system end this process when its supervisor is gone, however that went: two hubs share no disk."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
