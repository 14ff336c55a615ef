"""What is wrong with a process's own work: written into the register when it begins, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from carecordon.model.kept import Trouble
from carecordon.register.register import Cases

MOST = 10_000
"""Open troubles that are looked at for what a former process left."""


@dataclass(slots=True)
class Complaints:
    """The complaints of one process; `clock` gives UTC ns."""

    cases: Cases
    clock: Callable[[], int]
    _open: dict[str, Trouble] = field(default_factory=dict)
    _left: dict[str, Trouble] | None = None
    """What is open of former processes, this one has said nothing of it yet; None before that was looked up."""

    def set(self, key: str, kind: str, text: str | None, count: int = 1) -> bool:
        """Complain of `key` in these words, or of nothing any more (None); return whether that is news."""
        known = self._known(key)
        if text is None:
            if known is None:
                return False
            self.cases.trouble([replace(known, until=max(known.since, self.clock()))])
            del self._open[key]  # written first: where that fails, it is told at the next try
            return True
        if known is not None and known.text == text:
            return False
        trouble = Trouble(key, kind, None, text, known.since if known else self.clock(), None, count)
        self.cases.trouble([trouble])
        self._open[key] = trouble
        return True

    def open(self, beginning: str) -> list[str]:
        """Return the keys that begin so of what lasts: this process's own, and what former ones left."""
        return [key for key in {**self._former(), **self._open} if key.startswith(beginning)]

    def _known(self, key: str) -> Trouble | None:
        left = self._former().pop(key, None)
        if left is not None:
            self._open.setdefault(key, left)
        return self._open.get(key)

    def _former(self) -> dict[str, Trouble]:
        if self._left is None:
            self._left = {one.key: one for one in self.cases.troubles(limit=MOST)}
        return self._left
