"""A pipe as it comes: a thread of its own waits for it, so that nobody else has to; whole lines are given at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from threading import Thread

from carecordon.agent.follow import FEED, MAX_LINE, PIECE
from carecordon.model.block import Bad, Block
from carecordon.model.feed import Stream
from carecordon.pipeline.ingest.stream import utf8

LOOK_S = 0.1
QUIET_S, DRAIN_S = 0.5, 2.0
"""Who is told to stop takes what has come by then: until nothing more comes for so long, and for so long at most."""
_HELD_PIECES = 4
_READ_BYTES = 64 * 1024


class Piped:
    """Bytes that come when they come; `fault` says why they ended too early."""

    def __init__(self, read: Callable[[int], bytes], is_stopped: Callable[[], bool]) -> None:
        """Read ahead with `read`, which may wait; end when it gives nothing, or soon after `is_stopped`."""
        self.fault: str | None = None
        self._is_stopped = is_stopped
        self._coming: Queue[bytes] = Queue(_HELD_PIECES)
        self._held = b""
        self._is_over = False
        self._until: float | None = None
        Thread(target=self._fetch, args=(read,), daemon=True).start()  # nobody can wake it: it must not hold us up

    @property
    def is_ready(self) -> bool:
        """Say whether more is there already."""
        return bool(self._held) or not self._coming.empty()

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`, waiting for at least one; nothing at the end."""
        if not self._held and not self._is_over:
            self._held = self._next()
            self._is_over = not self._held
        piece, self._held = self._held[:size], self._held[size:]
        return piece

    def give_back(self, head: bytes) -> None:
        """Let these bytes be read again, before all others."""
        self._held = head + self._held

    def _next(self) -> bytes:
        while True:
            is_stopped = self._is_stopped()
            if is_stopped:
                self._until = self._until or time.monotonic() + DRAIN_S
                if time.monotonic() > self._until:
                    return b""
            try:
                return self._coming.get(timeout=QUIET_S if is_stopped else LOOK_S)
            except Empty:
                if is_stopped:
                    return b""

    def _fetch(self, read: Callable[[int], bytes]) -> None:
        piece = b"-"
        while piece:
            try:
                piece = read(_READ_BYTES)
            except (OSError, ValueError) as fault:
                self.fault = f"reading failed: {fault}"
                piece = b""
            self._coming.put(piece)


def lines(piped: Piped) -> Iterator[Block | Bad]:
    """Yield whole lines as they come; many together where they come quicker than they are taken.

    A last line without an end is given at the end of all.
    """
    text: Stream = utf8(piped)
    held, is_too_long = b"", False
    while piece := text.read(PIECE):
        held += piece
        if len(held) < PIECE and piped.is_ready:
            continue
        end = held.rfind(b"\n") + 1
        if is_too_long and end:
            start = held.find(b"\n") + 1
            held, end, is_too_long = held[start:], end - start, False
        if end:
            yield Block(FEED, held[:end])
        held = held[end:]
        if is_too_long:
            held = b""
        elif len(held) > MAX_LINE:
            yield Bad(0, f"a line of more than {MAX_LINE >> 20} MiB")
            held, is_too_long = b"", True
    if is_too_long:  # the end came before what is left was looked at
        held = held.partition(b"\n")[2]
    if held:
        yield Block(FEED, held)
