"""The way to the events: a few readers of the store, each used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, LifoQueue
from threading import BoundedSemaphore

from carecordon.hub.config import Limits
from carecordon.telemetry.answer import Ceiling
from carecordon.telemetry.backends.clickhouse import ClickHouseReader

READERS = 4
"""Questions that are answered at the same time; others wait for their turn."""
WAITING = 16
"""Those that wait, each in a thread that no other call gets: more are told to come back."""
WAIT_S = 15.0
NO_ROOM = "too many questions at once: try again"


def ceiling(limits: Limits, rows: int | None = None) -> Ceiling:
    """Return what a question may cost by `hub.toml`, in SQL or ready; no more than `rows` where so many are wanted."""
    return Ceiling(limits.question_s, min(rows or limits.question_rows, limits.question_rows), limits.question_bytes)


def by_settings(most: int) -> str:
    """Return why an answer has only so many rows though more were wanted."""
    return f"cut after {most} rows, as `question_rows` in hub.toml says"


@dataclass(slots=True)
class Questions:
    """Lends a reader to whoever asks."""

    make: Callable[[], ClickHouseReader]
    _idle: LifoQueue[ClickHouseReader] = field(default_factory=LifoQueue)
    _turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(READERS))
    _room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(READERS + WAITING))

    @contextmanager
    def reader(self) -> Iterator[ClickHouseReader]:
        """Lend a reader for the block. Raises ConnectionError where none is free for long, or too many wait."""
        if not self._room.acquire(blocking=False):
            raise ConnectionError(NO_ROOM)
        try:
            with self._turn():
                yield from self._lent()
        finally:
            self._room.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=WAIT_S):
            raise ConnectionError(NO_ROOM)
        try:
            yield
        finally:
            self._turns.release()

    def _lent(self) -> Iterator[ClickHouseReader]:
        try:
            lent = self._idle.get_nowait()
        except Empty:
            lent = self.make()
        try:
            yield lent
        except ConnectionError:
            lent.close()
            raise
        except BaseException:
            self._idle.put(lent)
            raise
        self._idle.put(lent)

    def close(self) -> None:
        """Let go of all connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return
