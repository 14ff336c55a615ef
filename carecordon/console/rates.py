"""How fast the hub's counters rise: the pulses of now held against those of a little while ago."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from carecordon.hub.pulse import Pulse

NS = 1_000_000_000
WINDOW_S = 10.0
_TOTAL = "_total"


@dataclass(slots=True)
class Rates:
    """Remembers the pulses of the last seconds. Any thread may use it."""

    _seen: deque[tuple[int, dict[tuple[str, int], Pulse]]] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def take(self, pulses: Sequence[Pulse], now: int) -> None:
        """Remember these pulses, read at `now` (UTC ns)."""
        with self._lock:
            self._seen.append((now, {(pulse.name, pulse.started): pulse for pulse in pulses}))
            while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW_S * NS:
                self._seen.popleft()

    def per_second(self) -> dict[str, dict[str, float]]:
        """Return for each process how fast each counter rose over the last seconds; none that just started."""
        with self._lock:
            if len(self._seen) < 2:
                return {}
            (_, before), (_, last) = self._seen[0], self._seen[-1]
        found: dict[str, dict[str, float]] = {}
        for key, pulse in last.items():
            former = before.get(key)
            if former is not None and pulse.at > former.at:
                found[pulse.name] = _risen(former, pulse)
        return found


def _risen(former: Pulse, pulse: Pulse) -> dict[str, float]:
    seconds = (pulse.at - former.at) / NS
    return {
        name.removesuffix(_TOTAL): max(0.0, figure - former.figures.get(name, figure)) / seconds
        for name, figure in pulse.figures.items()
        if name.endswith(_TOTAL)
    }
