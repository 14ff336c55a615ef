"""Sigma text with wildcards: parsed into literal runs and `*` / `?`, and matched against a text by plain search."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import product


class Wild(Enum):
    """A wildcard of a Sigma text."""

    MANY = "*"
    ONE = "?"


SIGMAS = {0x3C2: 0x3C3}
"""The sigma that lower case has at the end of a word, made the one within."""
Part = str | Wild


Piece = tuple[Part, ...]  # what stands between two `*`: literal runs and `?`


@dataclass(frozen=True, slots=True)
class Pattern:
    """A Sigma text ready to be matched: the pieces between its `*`s, in lower case unless it is cased."""

    pieces: tuple[Piece, ...]
    literals: tuple[str, ...] | None  # the same pieces as texts, where there is no `?`
    is_cased: bool


def pattern(parts: tuple[Part, ...], is_cased: bool = False) -> Pattern:
    """Returns the pattern of the parts; `is_cased` compares capitals as they stand."""
    pieces: list[Piece] = [()]
    for part in parts:
        if part is Wild.MANY:
            pieces.append(())
        elif isinstance(part, str) and pieces[-1] and isinstance(pieces[-1][-1], str):
            pieces[-1] = (*pieces[-1][:-1], f"{pieces[-1][-1]}{part}")
        else:
            pieces[-1] = (*pieces[-1], part)
    pieces = pieces if is_cased else [_lowered(piece) for piece in pieces]
    texts = [plain(piece) for piece in pieces]
    return Pattern(tuple(pieces), None if None in texts else tuple(text or "" for text in texts), is_cased)


def plain(parts: tuple[Part, ...]) -> str | None:
    """Returns the text when there is no wildcard in it, else None."""
    if any(isinstance(part, Wild) for part in parts):
        return None
    return "".join(part for part in parts if isinstance(part, str))


def parse(text: str) -> tuple[Part, ...]:
    """Returns the parts of a rule's text. A backslash makes a following `*`, `?` or backslash plain.

    Source: Sigma rules specification 2.1.0, "Escape Character".
    """
    parts: list[Part] = []
    run = ""
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "\\" and text[at + 1 : at + 2] in ("*", "?", "\\"):
            run += text[at + 1]
            at += 2
            continue
        if letter in "*?":
            if run:
                parts.append(run)
            run = ""
            parts.append(Wild(letter))
        else:
            run += letter
        at += 1
    return (*parts, run) if run else tuple(parts)


def within(parts: tuple[Part, ...], before: bool, after: bool) -> tuple[Part, ...]:
    """Returns the parts with `*` put before and after them as asked."""
    return ((Wild.MANY,) if before else ()) + parts + ((Wild.MANY,) if after else ())


def alternatives(parts: tuple[Part, ...], choices_of: dict[str, tuple[str, ...]]) -> list[tuple[Part, ...]]:
    """Returns every way to replace each part that `choices_of` knows by one of its choices."""
    return list(product(*(_choices(part, choices_of) for part in parts)))


def _choices(part: Part, choices_of: dict[str, tuple[str, ...]]) -> tuple[Part, ...]:
    return choices_of.get(part, (part,)) if isinstance(part, str) else (part,)


def matches(wanted: Pattern, text: str) -> bool:
    """Returns whether the whole text is of the pattern; the text is lower-cased unless the pattern is cased."""
    if not wanted.is_cased:
        text = lowered(text)
    if wanted.literals is not None:
        return _literals_match(wanted.literals, text)
    return _pieces_match(wanted.pieces, text)


def _literals_match(literals: tuple[str, ...], text: str) -> bool:
    if len(literals) == 1:
        return text == literals[0]
    if not text.startswith(literals[0]) or not text.endswith(literals[-1]):
        return False
    at, end = len(literals[0]), len(text) - len(literals[-1])
    for literal in literals[1:-1]:
        found = text.find(literal, at, end)
        if found < 0:
            return False
        at = found + len(literal)
    return at <= end


def _pieces_match(pieces: tuple[Piece, ...], text: str) -> bool:
    if len(pieces) == 1:
        return _length(pieces[0]) == len(text) and _stands_at(pieces[0], text, 0)
    first, *middle, last = pieces
    at = _length(first)
    end = len(text) - _length(last)
    if end < at or not _stands_at(first, text, 0) or not _stands_at(last, text, end):
        return False
    for piece in middle:
        found = _find(piece, text, at, end)
        if found < 0:
            return False
        at = found + _length(piece)
    return True


@lru_cache(maxsize=256)
def lowered(text: str) -> str:
    """Returns the text in lower case, sigmas alike; kept for a while: thousands of rules ask about one value."""
    return text.lower().translate(SIGMAS)


def _lowered(piece: Piece) -> Piece:
    return tuple(lowered(part) if isinstance(part, str) else part for part in piece)


def _length(piece: Piece) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in piece)


def _stands_at(piece: Piece, text: str, at: int) -> bool:
    for part in piece:
        if isinstance(part, str):
            if not text.startswith(part, at):
                return False
            at += len(part)
        else:
            at += 1
    return at <= len(text)


def _find(piece: Piece, text: str, start: int, end: int) -> int:
    """Returns where the piece first stands within text[start:end], or -1."""
    for at in range(start, end - _length(piece) + 1):
        if _stands_at(piece, text, at):
            return at
    return -1
