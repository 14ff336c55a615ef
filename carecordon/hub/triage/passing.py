"""Troubles that nobody says the end of: what has not come again for a day is over.

That the register lost its end is one of them, though grave: it is a thing that happened, told to people at once, and
nothing that a person does brings the end back or would tell us that it is over. What has ended stays to be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from carecordon.hub.backup.forgotten import KEY
from carecordon.model.kept import Trouble
from carecordon.register.register import Cases

SECOND = 1_000_000_000
LOOK_NS = 600 * SECOND
OVER_NS = 86_400 * SECOND
KINDS = frozenset({"poison", "name"})
MOST = 10_000


@dataclass(slots=True)
class Passing:
    """Ends such troubles; after a start, a day must go by first."""

    cases: Cases
    _seen: dict[str, tuple[Trouble, int]] = field(default_factory=dict)
    """Each as it stood, and since when it has stood so (UTC ns)."""
    _looked: int | None = None

    def look(self, now: int, repeated: Mapping[str, int]) -> None:
        """Write down what is over; `repeated` when each of them was last told again, by key (all UTC ns)."""
        if self._looked is not None and 0 <= now - self._looked < LOOK_NS:
            return
        self._looked = now
        seen: dict[str, tuple[Trouble, int]] = {}
        over: list[Trouble] = []
        for trouble in self.cases.troubles(limit=MOST):
            if trouble.kind not in KINDS and not trouble.key.startswith(KEY):
                continue
            known = self._seen.get(trouble.key)
            since = known[1] if known is not None and known[0] == trouble else now
            last = min(now, max(since, repeated.get(trouble.key, 0)))
            if now - last >= OVER_NS:
                over.append(replace(trouble, until=now))
            else:
                seen[trouble.key] = trouble, last
        self._seen = seen
        if over:
            self.cases.trouble(over)
