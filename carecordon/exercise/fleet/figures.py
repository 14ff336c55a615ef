"""What a fleet says of itself each second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from math import ceil, log

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Figures:
    """One second of a fleet; numbers that end in `_total` count from its beginning, in events unless said otherwise.

    `ack_*_ms`: from the batch put in the device's spool to its receipt, of the receipts of this second (None: none).
    `behind_s`: by how much the fleet itself is late, so that what it measures is its own doing. `cpu_s`: of this
    process, user and system, since its beginning.
    """

    at_s: float
    devices: int
    online: int
    sessions_total: int
    written_total: int
    acknowledged_total: int
    batches_total: int
    waiting: int
    ack_p50_ms: float | None
    ack_p99_ms: float | None
    ack_max_ms: float | None
    behind_s: float
    cpu_s: float
    ended: dict[str, int]
    """Why sessions ended or could not begin, and how often."""


@dataclass(slots=True)
class Delays:
    """Delays of the present second, and of all time in steps of 2 %."""

    now: list[int] = field(default_factory=list)
    _steps: dict[int, int] = field(default_factory=dict)
    count: int = 0

    def add(self, delay_ns: int) -> None:
        """Take one in."""
        self.now.append(delay_ns)
        step = _step(delay_ns)
        self._steps[step] = self._steps.get(step, 0) + 1
        self.count += 1

    def second(self) -> tuple[float | None, float | None, float | None]:
        """Return median, 99th percentile and highest of the second that ends, in ms, and begin the next."""
        found = sorted(self.now)
        self.now.clear()
        if not found:
            return None, None, None
        half, most = (found[max(0, ceil(share * len(found)) - 1)] / 1e6 for share in (0.5, 0.99))
        return half, most, found[-1] / 1e6

    def overall_ms(self, share: float, waiting_ns: Collection[int] = ()) -> float | None:
        """Return a percentile of all delays in ms, right to 2 %; None where there was none.

        `waiting_ns`: ages of what has no receipt yet; its delay is no shorter, so it counts as that.
        """
        steps = Counter(self._steps)
        steps.update(map(_step, waiting_ns))
        left = ceil(share * steps.total())
        for step in sorted(steps):
            left -= steps[step]
            if left <= 0:
                return float(1.02**step) / 1e3
        return None


def _step(delay_ns: int) -> int:
    """Return the number of a step of 2 % of microseconds."""
    return ceil(log(max(1.0, delay_ns / 1e3)) / log(1.02))
