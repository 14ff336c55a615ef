"""Condition text to node: `not`, `and`, `or`, brackets, `1 of` and `all of`, in time linear in the text.

Our own reading of Sigma's small grammar (rules specification 2.1, Condition): a general
parser falls over deep brackets and takes long over ten thousand names. The same
grammar serves rules, filters and the extended condition of temporal correlations.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from carecordon.pipeline.detect.sigma.fold import all_of, negate, some_of
from carecordon.pipeline.detect.sigma.ir import Node
from carecordon.pipeline.detect.sigma.refusal import BadRule

MAX_DEPTH = 64
MAX_WORDS = 200_000

Named = Callable[[str], Node]
"""Gives the node of a name, or raises BadRule."""
Matching = Callable[[str], list[Node]]
"""Gives the nodes of all names that a pattern (`them`, `selection_*`) takes in, or raises BadRule."""

_WORD = re.compile(r"[()]|[^\s()]+")
_OPERATORS = frozenset({"and", "or", "not"})


def parse(text: str, named: Named, matching: Matching | None = None) -> Node:
    """Return the node of a condition. Raises BadRule if it cannot be read or a name is unknown."""
    if "|" in text:
        raise BadRule(
            "aggregations after `|` are no longer part of Sigma; write a correlation rule that refers to this rule"
        )
    words = _WORD.findall(text)
    if len(words) > MAX_WORDS:
        raise BadRule(f"the condition has more than {MAX_WORDS:,} words")
    if not words:
        raise BadRule("the condition is empty; name at least one selection")
    reader = _Reader(words, named, matching)
    node = reader.either(0)
    if (rest := reader.peek()) is not None:
        raise BadRule(f"the condition does not go on with `{rest}`; expected `and`, `or` or the end")
    return node


class _Reader:
    """Reads words from left to right; each method takes what binds at its level."""

    def __init__(self, words: list[str], named: Named, matching: Matching | None) -> None:
        self._words = words
        self._at = 0
        self._named = named
        self._matching = matching

    def peek(self, ahead: int = 0) -> str | None:
        at = self._at + ahead
        return self._words[at] if at < len(self._words) else None

    def either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._take("or"):
            parts.append(self._both(depth))
        return some_of(parts) if len(parts) > 1 else parts[0]

    def _both(self, depth: int) -> Node:
        parts = [self._negated(depth)]
        while self._take("and"):
            parts.append(self._negated(depth))
        return all_of(parts) if len(parts) > 1 else parts[0]

    def _negated(self, depth: int) -> Node:
        odd = False
        while self._take("not"):
            odd = not odd
        node = self._operand(depth)
        return negate(node) if odd else node

    def _operand(self, depth: int) -> Node:
        word = self.peek()
        if word is None:
            raise BadRule("the condition ends where a selection should follow")
        if word == ")" or word.lower() in _OPERATORS:
            raise BadRule(f"the condition has `{word}` where a selection should stand")
        self._at += 1
        if word == "(":
            return self._bracket(depth)
        if (self.peek() or "").lower() == "of":
            return self._quantified(word.lower())
        return self._named(word)

    def _bracket(self, depth: int) -> Node:
        if depth >= MAX_DEPTH:
            raise BadRule(f"the condition nests brackets deeper than {MAX_DEPTH}")
        node = self.either(depth + 1)
        if not self._take(")"):
            raise BadRule("the condition lacks a closing bracket")
        return node

    def _quantified(self, quantity: str) -> Node:
        if self._matching is None:
            raise BadRule(f"`{quantity} of` is for selections; a correlation counts its rules by a mapping as `gte: 1`")
        self._at += 1
        pattern = self.peek()
        if quantity not in ("1", "any", "all"):
            raise BadRule(f"`{quantity} of` is no part of Sigma; only `1 of`, `any of` and `all of` are")
        if pattern is None or pattern in "()":
            raise BadRule(f"`{quantity} of` needs `them` or a pattern such as `selection_*`")
        self._at += 1
        nodes = self._matching(pattern)
        return all_of(nodes) if quantity == "all" else some_of(nodes)

    def _take(self, word: str) -> bool:
        if (self.peek() or "").lower() != word:
            return False
        self._at += 1
        return True
