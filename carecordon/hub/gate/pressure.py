"""Whether the gate takes anything at all, and how fast devices may go on: by disk, lag and load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carecordon.hub.config import Limits
from carecordon.hub.gate.bucket import Bucket
from carecordon.wire.messages import Credit

NANOSECONDS = 1_000_000_000
CONSUMER = "detect"
"""Whose lag counts, as `hub/worker/shard.py` names it. What is not stored yet counts through the disk."""
MAX_QUEUE_BYTES = 64 * 1024 * 1024
FAILED_PAUSE_S = 5.0
EASE = 1.05
"""So much more than the reserve is free before the gate takes again, so that it does not flutter."""
CALM_CORES = 0.4
"""While the gate takes no more of a core every device sends when it likes; beyond, credit makes them wait and send more
at once: a message costs as much as some events, and on one machine three times as much as on another.
"""
CALM_MESSAGES_PER_S = 1_000.0
"""So few are never too many: what takes the core then are devices that come in, and who waits makes that no less."""
MAX_DELAY_S = 10.0


@dataclass(frozen=True, slots=True)
class Busy:
    """Why nothing is taken now; `kind` in one word for the figures."""

    kind: str
    reason: str
    retry_s: float


class Pressure:
    """The state of the hub as the gate sees it. `draw` gives random numbers of [0, 1)."""

    def __init__(self, limits: Limits, draw: Callable[[], float]) -> None:
        """Begin without a care."""
        self._limits = limits
        self._draw = draw
        self._is_disk_low = False
        self._is_lag_deep = False
        self._failed_until = 0
        self.is_stopping = False
        self.delay_s = 0.0
        self.free_bytes = 0.0
        self.lag_s = 0.0

    def see(self, free_bytes: int, lag_s: float) -> None:
        """Take in how much of the disk is free, and how old the oldest event is that no worker has taken."""
        self.free_bytes, self.lag_s = float(free_bytes), lag_s
        reserve = self._limits.reserve_bytes
        self._is_disk_low = free_bytes < (reserve * EASE if self._is_disk_low else reserve)
        deep = self._limits.max_lag_s
        self._is_lag_deep = lag_s > (deep / EASE if self._is_lag_deep else deep)

    def fail(self, now: int) -> None:
        """Note that a commit failed: nothing is taken for a few seconds."""
        self._failed_until = now + int(FAILED_PAUSE_S * NANOSECONDS)

    def busy(self, queued_bytes: int, now: int) -> Busy | None:
        """Return why a batch cannot be taken now, with a retry time of its own for each who asks; None where it can."""
        if self.is_stopping:
            return self._busy("stopping", "the hub is being stopped", 2.0)
        if self._is_disk_low:
            return self._busy("disk", "the hub's disk is nearly full", 30.0)
        if self._is_lag_deep:
            return self._busy("lag", "the hub is too far behind", 15.0)
        if now < self._failed_until:
            return self._busy("commit", "the hub could not write", FAILED_PAUSE_S)
        if queued_bytes >= MAX_QUEUE_BYTES:
            return self._busy("queue", "the hub has too much to write at once", 1.0)
        return None

    def load(self, busy_cores: float, messages_per_s: float) -> None:
        """Take in what the gate took of a core lately: while it is too much delays grow by half, else they shrink."""
        if busy_cores > CALM_CORES and messages_per_s > CALM_MESSAGES_PER_S:
            self.delay_s = min(MAX_DELAY_S, self.delay_s * 1.5 + 0.1)
        else:
            self.delay_s = self.delay_s * 0.9 if self.delay_s > 0.05 else 0.0

    def credit(self, bucket: Bucket, now: int) -> Credit:
        """Return the credit of a device with this bucket: it may use a part of what is in it a second."""
        return Credit(bucket.rate + max(0.0, bucket.level(now)) / 4.0, self.delay_s)

    def _busy(self, kind: str, reason: str, retry_s: float) -> Busy:
        return Busy(kind, reason, retry_s * (1.0 + self._draw()))
