"""Conditions of Sigma rules: a tiny recursive parser, from loosest to tightest: or, and, not, x of, parentheses."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass


class Refused(Exception):
    """The rule cannot be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Named:
    """Holds when the identifier of this name does."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when `part` does not."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every part does."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Holds when some part does."""

    parts: tuple["Condition", ...]


Condition = Named | Not | All | Any
_WORD = re.compile(r"[()]|[^\s()]+")


def parse(text: str, names: Iterable[str]) -> Condition:
    """Returns the condition of the text, `x of` already spelled out over the rule's identifier names.

    Raises Refused if the text is no condition or names what is not there.
    """
    return _Reader(_WORD.findall(text), list(names)).whole()


def parse_any(texts: str | list[str], names: Iterable[str]) -> Condition:
    """Returns one condition of a text, or of a list of texts of which one is enough."""
    names = list(names)
    if isinstance(texts, str):
        return parse(texts, names)
    return Any(tuple(parse(text, names) for text in texts))


def holds(condition: Condition, is_true: Callable[[str], bool]) -> bool:
    """Returns whether the condition holds when `is_true` answers for each identifier."""
    match condition:
        case Named(name):
            return is_true(name)
        case Not(part):
            return not holds(part, is_true)
        case All(parts):
            return all(holds(part, is_true) for part in parts)
        case Any(parts):
            return any(holds(part, is_true) for part in parts)


class _Reader:
    def __init__(self, words: list[str], names: list[str]) -> None:
        self.words = words
        self.names = names
        self.at = 0

    def whole(self) -> Condition:
        condition = self._or()
        if self.at < len(self.words):
            raise Refused(f"condition: unexpected {self.words[self.at]!r}")
        return condition

    def _peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def _take(self) -> str:
        word = self._peek()
        if not word:
            raise Refused("condition: ends too early")
        self.at += 1
        return word

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._peek() == "or":
            self._take()
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._peek() == "and":
            self._take()
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self) -> Condition:
        if self._peek() == "not":
            self._take()
            return Not(self._not())
        return self._single()

    def _single(self) -> Condition:
        word = self._take()
        if word == "(":
            condition = self._or()
            if self._take() != ")":
                raise Refused("condition: a parenthesis is not closed")
            return condition
        if word in ("1", "any", "all") and self._peek() == "of":
            self._take()
            parts = tuple(Named(name) for name in self._meant_by(self._take()))
            return All(parts) if word == "all" else Any(parts)
        if word not in self.names:
            raise Refused(f"condition: no identifier {word!r}")
        return Named(word)

    def _meant_by(self, pattern: str) -> list[str]:
        # A pattern is `them` narrowed: it leaves `_names` out as well, unless it asks for them itself.
        names = [name for name in self.names if pattern.startswith("_") or not name.startswith("_")]
        wanted = re.compile(".*" if pattern == "them" else ".*".join(map(re.escape, pattern.split("*"))))
        meant = [name for name in names if wanted.fullmatch(name)]
        if not meant:
            raise Refused(f"condition: nothing is named like {pattern!r}")
        return meant
