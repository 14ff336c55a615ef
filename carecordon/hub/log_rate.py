"""How many lines a second one kind of record may write: whoever is refused often must not fill the disk with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

LINES_PER_S = 10
MAX_KINDS = 1_000
ALL_KEPT = frozenset({"enrolled", "renewed"})
"""Kinds of which every record is written: what was granted, not what was refused."""
LEFT_OUT = "left_out"
NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class _Second:
    begun: int
    written: int = 0
    left_out: int = 0


@dataclass(slots=True)
class Rate:
    """Lets so many records of a kind through a second; the next one says how many were left out before it.

    Errors always pass. Used as a processor of structlog, by several threads.
    """

    clock: Callable[[], int]
    _seconds: dict[str, _Second] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, logger: Any, method: str, record: Any) -> Any:
        """Return the record. Raises structlog.DropEvent for one too many."""
        kind = str(record.get("event"))[:100]
        if method in ("error", "critical", "exception") or kind in ALL_KEPT:
            return record
        with self._lock:
            left_out = self._left_out(kind)
        return {**record, LEFT_OUT: left_out} if left_out else record

    def _left_out(self, kind: str) -> int:
        now = self.clock()
        if len(self._seconds) >= MAX_KINDS and kind not in self._seconds:
            self._seconds.clear()
        second = self._seconds.setdefault(kind, _Second(now))
        left_out = 0
        if now - second.begun >= NANOSECONDS:
            left_out = second.left_out
            second.begun, second.written, second.left_out = now, 0, 0
        if second.written >= LINES_PER_S:
            second.left_out += 1
            raise structlog.DropEvent
        second.written += 1
        return left_out
