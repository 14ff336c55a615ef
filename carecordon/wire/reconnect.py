"""How long to wait before the next attempt: exponential with full jitter, and never before the hub asked for it.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
"""

from __future__ import annotations

from typing import Protocol

FIRST_S = 1.0
MOST_S = 300.0
AT_ONCE_S = 0.1
"""Who is asked to come back at once does so within this time, but not twice in a row."""
CALM_S = 60.0
"""A session that lasted so long was a good one: counting begins anew."""


class Chance(Protocol):
    """A source of random numbers, as `random.Random` is."""

    def random(self) -> float:
        """Return a number of [0, 1)."""
        ...


class Reconnect:
    """Counts failed attempts in a row and gives the delay to the next one."""

    def __init__(self, rng: Chance, first_s: float = FIRST_S, most_s: float = MOST_S) -> None:
        """Begin without a failure."""
        self._rng = rng
        self._first_s = first_s
        self._most_s = most_s
        self.failures = 0
        self._was_at_once = False

    def lasted(self, seconds: float) -> None:
        """Note how long a session was open, before asking for the delay after it."""
        if seconds >= CALM_S:
            self.failures = 0
            self._was_at_once = False

    def delay_s(self, asked_s: float | None = None) -> float:
        """Return the wait before the next attempt.

        `asked_s`: what the hub asked for; the wait is spread over as much again, so that those who were asked together
        do not come together. What is negative waits as long as ever.
        """
        if asked_s == 0.0 and not self._was_at_once:
            self._was_at_once = True
            return self._rng.random() * AT_ONCE_S
        ceiling_s = min(self._most_s, self._first_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        if asked_s is None:
            return self._rng.random() * ceiling_s
        if asked_s < 0:
            return self._most_s * (1.0 + self._rng.random())
        return asked_s + self._rng.random() * max(ceiling_s, asked_s)
