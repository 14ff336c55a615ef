"""A memory of answers that stays bounded: two segments, the older one forgotten whole.

What was asked since the last turn lives in the young segment; an answer found in the old
one moves back. So what keeps being asked stays, and what an attacker makes unique passes
through without clearing the rest. A memo is no state: it may forget anything
without changing a result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_ENTRIES = 40_000
MAX_CHARACTERS = 64_000_000
"""What all memos of an engine together may remember, in characters of their keys: about 100 MB at the most."""
MIN_SHARE = 256_000
"""What one memo may remember in any case."""
MAX_VALUE = 65_536
"""Longer lists are answered but not remembered; nor are longer texts where hashes are no secret."""
MAX_KEPT = 2_048
"""Longer texts are not kept but remembered by their traces: most never come again."""
END = 24
"""Characters at each end that are part of a trace."""
TRACE_SIZE = 512
"""What a trace is counted for, about its bytes."""


@dataclass(slots=True)
class Allowance:
    """How much the memos that share it may remember together, and how much they do (characters of keys).

    `has_secret_hashes`: Python's hashes have 64 bits, and nobody outside can foretell them.
    """

    limit: int = MAX_CHARACTERS
    used: int = 0
    has_secret_hashes: bool = False


class Memo(dict[Any, Any]):
    """A dict that answers a missing key by `answer(key)` and remembers it, within bounds.

    Read it with `[]` only. Keys must be of one type each: see ValueMemo where they are not.
    """

    __slots__ = ("_allowance", "_answer", "_entries", "_old", "_old_size", "_size")

    def __init__(
        self, answer: Callable[[Any], Any], entries: int = MAX_ENTRIES, allowance: Allowance | None = None
    ) -> None:
        """Remember up to twice `entries` answers of `answer`, and no more than the allowance lets it."""
        super().__init__()
        self._answer = answer
        self._entries = entries
        self._allowance = Allowance() if allowance is None else allowance
        self._size = self._old_size = 0
        self._old: dict[Any, Any] = {}

    def __missing__(self, key: Any) -> Any:
        """Return the answer from the old segment, or ask."""
        return self._remember(key, key, 1)

    def _remember(self, key: Any, value: Any, size: int) -> Any:
        found = self._old.get(key, self)
        if found is self:
            found = self._answer(value)
        allowance = self._allowance
        if len(self) >= self._entries or (allowance.used > allowance.limit and self._size > MIN_SHARE):
            self._turn()
        self._size += size
        allowance.used += size
        self[key] = found
        return found

    def forget(self) -> None:
        """Forget everything."""
        self._allowance.used -= self._size + self._old_size
        self._size = self._old_size = 0
        self._old = {}
        self.clear()

    def _turn(self) -> None:
        """Forget the old segment; the young one grows old."""
        self._allowance.used -= self._old_size
        self._old, self._old_size = dict(self), self._size
        self._size = 0
        self.clear()


class ValueMemo(Memo):
    """A memo whose keys are the values of events.

    Numbers that are equal as keys (True, 1, 1.0; 0.0, -0.0) are told apart by rules: they are
    remembered by type and spelling, under a key of their own. Lists that are long or hold
    anything but text are not remembered. A long text leaves a trace: Python's hash (SipHash of 64
    bits, with a secret key drawn each time Python starts), its length and its ends. That two texts leave one trace
    cannot be arranged from outside and is less likely than a fault of the machine; where the key is
    no secret, texts are kept whole.
    """

    __slots__ = ()

    def __missing__(self, key: Any) -> Any:
        """Return the answer from the old segment, or ask."""
        if isinstance(key, str):
            if len(key) > MAX_KEPT and self._allowance.has_secret_hashes:
                trace = (str, hash(key), len(key), key[:END], key[-END:])
                return self[trace] if trace in self else self._remember(trace, key, TRACE_SIZE)
            return self._answer(key) if len(key) > MAX_VALUE else self._remember(key, key, len(key))
        if isinstance(key, bool | int | float):
            typed = (type(key), repr(key) if isinstance(key, float) else key)
            return self[typed] if typed in self else self._remember(typed, key, 64)
        if not isinstance(key, tuple):
            return self._remember(key, key, 64)
        size = 64 + sum(len(part) if isinstance(part, str) else MAX_VALUE for part in key)
        return self._answer(key) if size > MAX_VALUE else self._remember(key, key, size)
