"""A memory of answers that stays bounded: two segments, the older one forgotten whole.

What was asked since the last turn lives in the young segment; an answer found in the old
one moves back. So what keeps being asked stays, what an attacker makes unique passes
through, and nothing is ever cleared at once. A memo is no state: it may forget anything
without changing a result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MAX_ENTRIES = 40_000
MAX_CHARACTERS = 8_000_000
MAX_VALUE = 65_536
"""Longer texts are answered but not remembered."""


class Memo(dict[Any, Any]):
    """A dict that answers a missing key by `answer(key)` and remembers it, within bounds.

    Read it with `[]` only. Keys must be of one type each: see ValueMemo where they are not.
    """

    __slots__ = ("_answer", "_entries", "_old", "_size")

    def __init__(self, answer: Callable[[Any], Any], entries: int = MAX_ENTRIES) -> None:
        """Remember up to twice `entries` answers of `answer`."""
        super().__init__()
        self._answer = answer
        self._entries = entries
        self._size = 0
        self._old: dict[Any, Any] = {}

    def __missing__(self, key: Any) -> Any:
        """Return the answer from the old segment, or ask."""
        return self._remember(key, key, 1)

    def _remember(self, key: Any, value: Any, size: int) -> Any:
        found = self._old.get(key, self)
        if found is self:
            found = self._answer(value)
        self._size += size
        if len(self) >= self._entries or self._size > MAX_CHARACTERS:
            self._old = dict(self)
            self.clear()
            self._size = size
        self[key] = found
        return found


class ValueMemo(Memo):
    """A memo whose keys are the values of events.

    Numbers that are equal as keys (True, 1, 1.0; 0.0, -0.0) are told apart by rules: they are
    remembered by type and spelling, under a key of their own. Lists that hold anything but
    text are not remembered.
    """

    __slots__ = ()

    def __missing__(self, key: Any) -> Any:
        """Return the answer from the old segment, or ask."""
        if isinstance(key, str):
            if len(key) > MAX_VALUE:
                return self._answer(key)
            return self._remember(key, key, len(key))
        if isinstance(key, bool | int | float):
            typed = (type(key), repr(key) if isinstance(key, float) else key)
            return self[typed] if typed in self else self._remember(typed, key, 64)
        if isinstance(key, tuple) and not all(isinstance(part, str) for part in key):
            return self._answer(key)
        return self._remember(key, key, 64)
