"""Rules that cost more than they may: found by what they had to read and how often they matched, never by a clock.

A rule is switched off only while events wait: as long as the hub keeps up, nobody need lose a rule.
What it can miss: a rule that is costly in what it shares with others counts for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

MATCH_UNITS = 20_000
"""What a match costs beside reading: it is made, sent, folded and kept. A byte read by a pattern is one unit."""
EVENT_UNITS = 5_000
"""What one rule may cost for an average event."""
SHARE = 0.25
"""Of the work of all rules: whoever has less is not what events wait for."""
LAG_S = 10.0
EVENTS = 500
"""So few events say nothing."""


@dataclass(slots=True)
class Costs:
    """What rules cost since they were looked at last."""

    _before: Counter[str] = field(default_factory=Counter)
    _events: int = 0

    def begin(self) -> None:
        """Count anew: the rules are other ones."""
        self._before.clear()
        self._events = 0

    def worst(self, work: Mapping[str, int], events: int, lag_s: float) -> str | None:
        """Return the id of a rule that is to be switched off; None where there is none.

        `work` units by rule and `events`, both since the rules were read; `lag_s` how long the oldest event has waited.
        """
        spent = Counter(work)
        spent.subtract(self._before)
        seen = events - self._events
        if seen < EVENTS:
            return None
        self._before, self._events = Counter(work), events
        if lag_s < LAG_S or not spent:
            return None
        rule, units = spent.most_common(1)[0]
        is_costly = units > EVENT_UNITS * seen and units > SHARE * sum(spent.values())
        return rule if is_costly else None
