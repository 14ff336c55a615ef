"""Ctrl-C heard while nothing is half done: the first one only asks, so that what was found so far can be told whole."""

from __future__ import annotations

import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_LOOK_UP_S = 0.25


class Stop:
    """While entered, the first Ctrl-C sets `is_asked`; one more, or one inside `waiting`, raises KeyboardInterrupt."""

    def __init__(self) -> None:
        """Start with nothing asked."""
        self.is_asked = False
        self._is_waiting = False
        self._before: Any = None

    def __enter__(self) -> Self:
        """Begin to listen, unless Ctrl-C is to be ignored, as under nohup; outside of the main thread none is heard."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave Ctrl-C to whom it belonged before."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Do in this what may take long and leaves nothing half done."""
        self._is_waiting = True
        try:
            if self.is_asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_waiting = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        was_asked, self.is_asked = self.is_asked, True
        if was_asked or self._is_waiting:
            raise KeyboardInterrupt


class UntilStop:
    """A stream that may keep its reader waiting, such as standard input: it ends where the stop is asked for."""

    def __init__(self, stream: Any, stop: Stop) -> None:
        """Read from `stream`, a buffered reader that nobody has read from."""
        self._stream = stream
        self._pipe = getattr(stream, "raw", None) if hasattr(select, "poll") else None
        self._stop = stop

    def read(self, size: int, /) -> bytes:
        """Return what is there, at most `size` bytes, waiting for at least one; nothing at the end."""
        try:
            with self._stop.waiting():
                if self._pipe is None:
                    piece: bytes = self._stream.read1(size)
                    return piece
                # A Ctrl-C that comes a moment before a system call is heard only after it: so none may last long.
                while not select.select([self._pipe], [], [], _LOOK_UP_S)[0]:
                    pass
        except KeyboardInterrupt:
            return b""
        return self._pipe.read(size) or b""
