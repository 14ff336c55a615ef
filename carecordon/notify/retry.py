"""When to try again what did not get through: later each time, and never many at the same moment."""

from __future__ import annotations

from carecordon.model.notice import LONGEST_WAIT_NS

FIRST_S = 2.0
MOST_S = LONGEST_WAIT_NS / 1e9
GIVE_UP_S = 3 * 86_400.0
"""A receiver that takes nothing for so long is not coming back: the notice stays in the outbox, marked as not told."""


def wait_s(tries: int, chance: float) -> float:
    """Return the seconds to wait after `tries` (1, 2, …) that failed. `chance` is drawn from [0, 1).

    Full jitter, capped. Source: AWS Architecture Blog, Exponential Backoff And Jitter, 2015.
    """
    return max(0.1, chance * min(MOST_S, FIRST_S * 2.0 ** min(tries - 1, 20)))
