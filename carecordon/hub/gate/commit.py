"""The one thread that writes: groups of batches in, what became of them out; it also looks at disk and lag.

Everything that touches stream 1 happens here, so that the event loop never waits for a disk.
"""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from carecordon.hub.gate.pressure import CONSUMER
from carecordon.model.stream import Part, Published, Stream, Tail

NANOSECONDS = 1_000_000_000
LOOK_S = 0.5
"""How often disk and lag are looked at."""
JOIN_S = 30.0

TailOf = tuple[str, int]
"""A sender and its epoch."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is written together, and of whom it is asked after that what is on disk."""

    parts: Sequence[Part]
    tails: Sequence[TailOf]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a group; `failure`: nothing of it was written, and why. `took_s` the commit alone."""

    published: Sequence[Published]
    tails: Sequence[Tail]
    failure: str | None
    took_s: float


@dataclass(frozen=True, slots=True)
class View:
    """What the disk and the workers look like; `lag_s` the age of the oldest event that is not worked on yet."""

    free_bytes: int
    lag_s: float
    lag_parts: int


class Committer:
    """Owns a stream: opens it, uses it and closes it in one thread of its own."""

    def __init__(
        self, open_stream: Callable[[], Stream], folder: Path, tell: Callable[[Callable[[], None]], object]
    ) -> None:
        """`tell` takes what is to be done in the event loop (`loop.call_soon_threadsafe`)."""
        self._open = open_stream
        self._folder = folder
        self._tell = tell
        self._jobs: queue.SimpleQueue[tuple[Group, Callable[[Written], None]] | None] = queue.SimpleQueue()
        self._look: Callable[[View], None] = _unseen
        self._die: Callable[[BaseException], None] = _unseen
        self._opened = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self, look: Callable[[View], None], die: Callable[[BaseException], None]) -> None:
        """Open the stream and begin; blocks until it is open. Raises what opening raised.

        `look` is given what disk and lag are, now and then, and `die` a fault that nobody foresaw: nothing is written
        after it. Both are called in the event loop.
        """
        self._look, self._die = look, die
        self._thread.start()
        self._opened.wait()
        if self._fault is not None:
            raise self._fault

    def write(self, group: Group, done: Callable[[Written], None]) -> None:
        """Write a group; `done` is called in the event loop."""
        self._jobs.put((group, done))

    def stop(self) -> None:
        """Finish what was asked for, close the stream, and end the thread; blocks."""
        self._jobs.put(None)
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        try:
            stream = self._open()
        except BaseException as fault:  # noqa: BLE001  # told to who starts us
            self._fault = fault
            self._opened.set()
            return
        self._tell_view(stream)
        self._opened.set()
        try:
            self._serve(stream)
        except BaseException as fault:  # noqa: BLE001  # the process must not go on without its writer
            self._tell(partial(self._die, fault))
        finally:
            stream.close()

    def _serve(self, stream: Stream) -> None:
        next_look = time.monotonic() + LOOK_S
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, next_look - time.monotonic()))
            except queue.Empty:
                job = (Group((), ()), _unseen)
            if job is None:
                return
            group, done = job
            if group.parts or group.tails:
                written = _written(stream, group)
                self._tell(partial(done, written))
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + LOOK_S
                self._tell_view(stream)

    def _tell_view(self, stream: Stream) -> None:
        try:
            lag = stream.lag(CONSUMER)
            free = shutil.disk_usage(self._folder).free
        except OSError:
            return
        age_s = 0.0 if lag.oldest is None else max(0.0, (time.time_ns() - lag.oldest) / NANOSECONDS)
        view = View(free, age_s, lag.parts)
        self._tell(partial(self._look, view))


def _unseen(_: object) -> None:
    """Take no notice."""


def _written(stream: Stream, group: Group) -> Written:
    start = time.monotonic()
    try:
        published = stream.publish(group.parts, time.time_ns()) if group.parts else []
        took_s = time.monotonic() - start
        tails = [stream.tail(*of) for of in group.tails]
    except OSError as fault:
        return Written((), (), str(fault) or type(fault).__name__, time.monotonic() - start)
    return Written(published, tails, None, took_s)
