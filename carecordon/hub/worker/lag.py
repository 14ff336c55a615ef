"""Events that wait too long to be looked at: told once, until they do not any more."""

from __future__ import annotations

from dataclasses import dataclass

from carecordon.hub.news.complaints import Complaints

KEY = KIND = "lag"
DEEP_S = 60.0
"""Twenty times what an incident may take: it is no burst that is worked off in a moment."""
EASED = 0.5
"""It is over when events wait less than this part of it, so that it does not flutter."""


@dataclass(slots=True)
class Lag:
    """Every worker tells of all events under one key: one that hangs says nothing of itself.

    `deep_s` how long events may wait. Two looks must agree: one may have met a clock that was set, or a start.
    """

    complaints: Complaints
    deep_s: float
    _was_deep: bool = False

    def look(self, lag_s: float) -> None:
        """Take in how long the oldest event has waited; negative where a clock was set back, which says nothing."""
        is_deep = lag_s > self.deep_s
        if is_deep and self._was_deep:
            text = f"events wait for more than {self.deep_s:.0f} s until they are looked at: incidents come as late"
            self.complaints.set(KEY, KIND, text)
        elif 0 <= lag_s < self.deep_s * EASED:
            self.complaints.set(KEY, KIND, None)
        self._was_deep = is_deep
