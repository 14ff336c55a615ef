"""Sources that stop while their device goes on: a log that was switched off, a sensor that was killed.

Known since this process began; a source is missed only when it was heard often enough for its
silence to mean something. What it can miss: a source that was silent before, or speaks rarely.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from carecordon.hub.news.quiet import SECOND, Hush, Quiet
from carecordon.model.kept import Trouble
from carecordon.model.merged import Merged

KIND = "source"
OFTEN = 20
"""Events before a source counts as one that speaks."""
TIMES = 30
"""How many of its usual pauses a source may be silent."""
AWAKE_S = 120.0
"""How lately the device must have spoken through another source."""
KEPT = 200_000


@dataclass(slots=True)
class _Heard:
    device: str
    first: int
    last: int
    events: int


@dataclass(slots=True)
class ChannelsHeard:
    """When each source of each sender was last heard. `silent_after_s`: the shortest silence that is told."""

    silent_after_s: float
    _sources: dict[tuple[str, str], _Heard] = field(default_factory=dict)
    _senders: dict[str, int] = field(default_factory=dict)
    _quiet: Quiet = field(default_factory=lambda: Quiet(KIND, "sources"))

    def see(self, merged: Merged) -> None:
        """Take in what a merged batch shows."""
        if not len(merged):
            return
        table = merged.table
        code = merged.sender.astype(np.int64) * len(table.kinds) + table.kind
        pairs, first_rows, counts = np.unique(code, return_index=True, return_counts=True)
        now = int(merged.received.max())
        for pair, row, count in zip(pairs.tolist(), first_rows.tolist(), counts.tolist(), strict=True):
            sender = merged.senders[pair // len(table.kinds)]
            channel = table.kinds[pair % len(table.kinds)].channel
            self._senders[sender] = now
            if channel is None:
                continue
            known = self._sources.get((sender, channel))
            if known is not None:
                known.last, known.events = now, known.events + count
            elif len(self._sources) < KEPT:
                name = table.devices[int(table.device[row])] or sender
                self._sources[sender, channel] = _Heard(name, now, now, count)

    def news(self, now: int) -> list[Trouble]:
        """Return which sources have stopped, and which are heard again."""
        quiet = {
            f"{sender}/{channel}": Hush(f"{channel} of {heard.device}", sender, heard.last)
            for (sender, channel), heard in self._sources.items()
            if self._has_stopped(heard, self._senders[sender], now)
        }
        return self._quiet.news(quiet, now)

    def _has_stopped(self, heard: _Heard, spoke: int, now: int) -> bool:
        if heard.events < OFTEN or now - spoke > AWAKE_S * SECOND:
            return False
        pause = (heard.last - heard.first) / heard.events
        return now - heard.last > max(self.silent_after_s * SECOND, TIMES * pause)
