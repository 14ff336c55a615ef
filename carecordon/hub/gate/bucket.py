"""A token bucket: how much may come at once, and how much a second for ever."""

from __future__ import annotations

NANOSECONDS = 1_000_000_000


class Bucket:
    """Fills by `rate` a second up to `burst`. What is larger than the bucket passes too, and is worked off after."""

    __slots__ = ("_at", "_level", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: int) -> None:
        """Begin full. Times are ns of a clock that never goes back."""
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at = now

    def level(self, now: int) -> float:
        """Return what is in it; below 0 while something large is worked off."""
        self._level = min(self.burst, self._level + (now - self._at) / NANOSECONDS * self.rate)
        self._at = now
        return self._level

    def take(self, amount: float, now: int) -> float:
        """Take `amount` and return 0.0; or take nothing and return for how many seconds to wait."""
        level = self.level(now)
        if level <= 0.0 or (level < amount and level < self.burst):
            return max((min(amount, self.burst) - level) / self.rate, 0.001)
        self._level = level - amount
        return 0.0
