"""What every process of the hub does alike: it says when it is ready and how it is, and ends when it is asked to."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO, Any

import structlog

from carecordon.hub.config import Paths
from carecordon.hub.log_rate import Rate
from carecordon.hub.pulse import Heart

BEAT_S = 1.0
NICENESS = 5
LOCKS = "locks"


def set_up_log(name: str) -> Any:
    """Let all logs of this process be JSON lines on standard error, and return the process's own logger."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Rate(time.monotonic_ns),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    return structlog.get_logger(process=name)


def give_way() -> None:
    """Let the gate and the API go first from now on: a device waits for its receipt and a person for an answer.

    For threads that are begun later too. What a start needs is done before.
    """
    os.nice(NICENESS)


def _lock(folder: Path, name: str) -> IO[bytes]:
    """Wait until no other process of this name works on these data, as one may whose supervisor was killed."""
    folder.mkdir(parents=True, exist_ok=True)
    held = (folder / name).open("ab")
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


class Process:
    """This process as its supervisor and the others see it."""

    def __init__(self, name: str, paths: Paths) -> None:
        """Take over the signals that ask for an end."""
        self.name = name
        self.log = set_up_log(name)
        self._stop = threading.Event()
        paths.run.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(paths.data / LOCKS, name)
        self._heart = Heart(paths.run, name, time.time_ns())
        self._beaten = 0.0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)

    def ready(self) -> None:
        """Tell the supervisor that work can begin."""
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        self.log.info("ready")

    @property
    def is_stopping(self) -> bool:
        """Return whether somebody asked for an end."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until somebody asks for an end."""
        self._stop.wait(seconds)

    def beat(self, figures: dict[str, float]) -> None:
        """Write the figures down, once a second at most."""
        if time.monotonic() - self._beaten >= BEAT_S:
            self._beaten = time.monotonic()
            self._heart.beat(time.time_ns(), figures)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()
