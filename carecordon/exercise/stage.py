"""The stage: one clock for all devices, scripts that wait on it, and the lines they leave in time order."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Script = Generator[float, None, None]
"""What somebody does: yields the seconds until its next moment; all it does between two yields is one moment."""

US = 1_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """Which step of an attack an event belongs to: the truth, kept beside the events and never in them."""

    step: int
    name: str
    techniques: tuple[str, ...]


Line = tuple[dict[str, Any], Mark | None]
"""One event as it is written, and what it truly is: None for ordinary life."""


class Stage:
    """Runs scripts in the order of their moments; memory is bounded by the scripts that wait."""

    __slots__ = (
        "_heap",
        "_lines",
        "_minute",
        "_order",
        "_second",
        "_stem",
        "_text",
        "count",
        "end_us",
        "now_us",
        "start_us",
    )

    def __init__(self, start: datetime, end: datetime) -> None:
        """Set the clock to `start`; scripts that would go on after `end` stay unfinished. Both are UTC."""
        self.start_us = self.now_us = int(start.replace(tzinfo=UTC).timestamp()) * US
        self.end_us = int(end.replace(tzinfo=UTC).timestamp()) * US
        self.count = 0
        self._heap: list[tuple[int, int, Script]] = []
        self._lines: list[Line] = []
        self._order = 0
        self._second = self._minute = -1
        self._text = self._stem = ""

    def begin(self, script: Script, after_s: float = 0.0) -> None:
        """Let a script start in `after_s` seconds; of scripts of one moment the first begun goes first."""
        self._push(self.now_us + int(after_s * US), script)

    def at(self, second: float, script: Script) -> None:
        """Let a script start `second` seconds after the stage's own start, at once where that is past."""
        self._push(max(self.now_us, self.start_us + int(second * US)), script)

    def _push(self, moment_us: int, script: Script) -> None:
        self._order += 1
        heapq.heappush(self._heap, (moment_us, self._order, script))

    def play(self) -> Iterator[Line]:
        """Yield every line in time order, until nothing is left to do or the end has come."""
        heap = self._heap
        while heap:
            moment, _, script = heapq.heappop(heap)
            if moment >= self.end_us or self.now_us >= self.end_us:
                return
            self.now_us = max(self.now_us, moment)
            for wait in script:
                self._push(self.now_us + int(wait * US), script)
                break
            if self._lines:
                lines, self._lines = self._lines, []
                yield from lines

    def write(self, document: dict[str, Any], mark: Mark | None) -> None:
        """Take a line; the clock has moved on by `tick`."""
        self._lines.append((document, mark))

    def tick(self) -> str:
        """Move the clock on by less than a millisecond and return the moment as `2026-11-20 09:00:00.123`, UTC."""
        self.count += 1
        self.now_us += 67 + self.count * 7919 % 800
        return self.text()

    def text(self) -> str:
        """Return the present moment as `tick` does, without moving on."""
        second, rest = divmod(self.now_us, US)
        if second != self._second:
            self._second = second
            minute, number = divmod(second, 60)
            if minute != self._minute:
                self._minute = minute
                self._stem = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:")
            self._text = f"{self._stem}{number:02d}"
        return f"{self._text}.{rest // 1000:03d}"
