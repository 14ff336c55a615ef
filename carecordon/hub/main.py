"""The supervisor: starts the hub's processes, starts again what dies, and ends them in order.

It is handed names, and what to call or to execute for each. What dies is started again after
a second, and after ever longer pauses where it dies again at once; the others go on meanwhile.
"""

from __future__ import annotations

import contextlib
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

from carecordon.hub.forked import Forked, Running, end_with_parent, import_all
from carecordon.hub.last_words import last_words

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


@dataclass(frozen=True, slots=True)
class Job:
    """One process: its name and how it is started."""

    name: str
    command: tuple[str, ...]
    call: Callable[[], int | None] | None = None
    """What a fork of the supervisor does instead of executing the command, which then is its title in lists."""
    modules: tuple[str, ...] = ()
    """What is imported before it is forked."""
    slowness: int = 0
    """Who is ready last is started first, since what the others need is imported meanwhile."""
    waits_s: float = 0.0
    """How long it lets the others come first when all start, unless all but one are ready before; 0: not at all."""


@dataclass(slots=True)
class _Child:
    job: Job
    process: Running | None = None
    words: IO[bytes] | None = None
    """What it says to us."""
    started: float = 0.0
    log_start: int = 0
    """How long its log was before it said anything."""
    pause_s: float = FIRST_PAUSE_S
    due: float = 0.0
    is_ready: bool = False
    is_held: bool = False
    """It lets the others come first."""
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
        """Start all jobs, those that let the others come first by and by."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self._children = {job.name: _Child(job) for job in self.jobs}
        for child in sorted(self._children.values(), key=lambda child: -child.job.slowness):
            import_all(child.job.modules)
            child.due = time.monotonic() + child.job.waits_s
            child.is_held = child.job.waits_s > 0
            if not child.is_held:
                self._launch(child)

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
            self._close(child)
        self._selector.close()

    def _launch(self, child: _Child) -> None:
        """Start a process; where that cannot be (no memory, a full disk), it is tried again after a pause."""
        child.is_held = False
        said, words = os.pipe()
        try:
            with self._log(child.job.name) as log:
                child.log_start = os.fstat(log.fileno()).st_size
                child.process = _started(child.job, words, log)
        except OSError as fault:
            os.close(said)
            child.due = time.monotonic() + child.pause_s
            self.tell(child.job.name, f"cannot be started, which is tried again: {fault}")
            return
        finally:
            os.close(words)
        child.started = time.monotonic()
        child.is_ready = False
        os.set_blocking(said, False)
        child.words = open(said, "rb", buffering=0)  # noqa: PTH123, SIM115  # closed when the process has ended
        self._selector.register(child.words, selectors.EVENT_READ, child)

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
        if child.words is None or pipe is not child.words:
            return
        try:
            said = os.read(child.words.fileno(), 65_536)
        except BlockingIOError:  # nothing after all
            return
        if not said:
            self._selector.unregister(child.words)
        elif READY in said and not child.is_ready:
            child.is_ready = True
            self.tell(child.job.name, "ready")
            self._let_in()

    def _let_in(self) -> None:
        """Where all but one are ready, or let the others come first, let these start now: that takes them a while."""
        if sum(not child.is_ready and not child.is_held for child in self._children.values()) <= 1:
            for child in self._children.values():
                child.due = 0.0 if child.is_held else child.due

    def _mind(self, child: _Child, now: float) -> None:
        process = child.process
        if process is not None:
            status = process.poll()
            if status is None:
                return
            self._bury(child, status, now)
        if now >= child.due:
            self._launch(child)

    def _close(self, child: _Child) -> None:
        child.process = None
        if child.words is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(child.words)
            child.words.close()
            child.words = None

    def _bury(self, child: _Child, status: int, now: float) -> None:
        self._close(child)
        is_steady = now - child.started >= STEADY_S
        child.pause_s = FIRST_PAUSE_S if is_steady else min(LONGEST_PAUSE_S, child.pause_s * 2)
        child.due = now + (0.0 if is_steady else child.pause_s)
        child.is_ready = False
        child.deaths += 1
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        log = self.logs / f"{child.job.name}.log"
        why = last_words(log, child.log_start)
        self.tell(child.job.name, f"{how}{f': {why}' if why else ''}; it is started again (its words: {log})")


def _started(job: Job, words: int, log: IO[bytes]) -> Running:
    if job.call is not None:
        return Forked(" ".join(job.command), job.call, words, log)
    return subprocess.Popen(  # noqa: S603  # our own commands
        job.command,
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=log,
        start_new_session=True,  # a terminal's Ctrl-C goes to the supervisor alone
        preexec_fn=end_with_parent,  # noqa: PLW1509  # the supervisor has one thread
    )
