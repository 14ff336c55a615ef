"""Texts that a regular expression matches: drawn by walking the parse tree that Python's `re` makes of it."""

import re
import string
from collections.abc import Iterable
from random import Random
from typing import Any

# The parse tree has no public door; the oracle only draws samples with it and proves each sample with RE2.
_parse = getattr(re, "_parser").parse  # noqa: B009 - mypy knows no such name
_PRINTABLE = [letter for letter in string.printable if letter not in "\n\r\x0b\x0c\t"]
_CLASSES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_NOT_DIGIT": string.ascii_letters,
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": string.ascii_letters + string.digits,
    "CATEGORY_WORD": string.ascii_letters + string.digits,
    "CATEGORY_NOT_WORD": " -.",
}


def sample(expression: str, rng: Random) -> str:
    """Returns a text drawn for the expression; whether it really matches is for the caller to prove."""
    return _Sampler(rng).walk(_parse(expression))


class _Sampler:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.groups: dict[int, str] = {}

    def walk(self, tree: Iterable[Any]) -> str:
        return "".join(self._one(str(operator), argument) for operator, argument in tree)

    def _one(self, operator: str, argument: Any) -> str:
        match operator:
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL":
                return self.rng.choice([letter for letter in string.ascii_letters if ord(letter) != argument])
            case "ANY":
                return self.rng.choice(string.ascii_lowercase)
            case "IN":
                return self.rng.choice(self._letters(argument))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = argument
                times = min(int(most), least + self.rng.choice((0, 0, 1, 2)))
                return "".join(self.walk(inner) for _ in range(times))
            case "SUBPATTERN":
                text = self.walk(argument[-1])
                if argument[0] is not None:
                    self.groups[argument[0]] = text
                return text
            case "BRANCH":
                return self.walk(self.rng.choice(argument[1]))
            case "GROUPREF":
                return self.groups.get(argument, "")
            case _:  # anchors stand for no letter
                return ""

    def _letters(self, members: list[Any]) -> list[str]:
        """Returns the letters of a character class, the printable ones that are not in it when it is negated."""
        negated = str(members[0][0]) == "NEGATE"
        letters: list[str] = []
        for operator, argument in members:
            match str(operator):
                case "LITERAL":
                    letters.append(chr(argument))
                case "RANGE":
                    letters.extend(chr(code) for code in range(argument[0], min(argument[1], argument[0] + 200) + 1))
                case "CATEGORY":
                    letters.extend(_CLASSES[str(argument)])
        if negated:
            return [letter for letter in _PRINTABLE if letter not in letters] or ["\n"]
        return letters
