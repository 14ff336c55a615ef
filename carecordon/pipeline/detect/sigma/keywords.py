"""Which keywords raw text can hold at all: one scan of many events instead of a look at each value.

Keyword rules ask for a text anywhere in an event, and some speak of every Windows event.
Of each keyword a fragment is taken that JSON writes as it is (no quote, backslash, slash,
control or non-ASCII character). Where the fragment does not stand in the raw text of a
block or run, no event in it holds the keyword. What could hide one opens the gate for all: an
escaped ASCII character, and the three characters that are equal to ASCII when case is
folded. A keyword that a number or a truth value may hold is always possible, since 1e3 is
1000.0 to a rule, and a batch holds numbers as bytes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ahocorasick_rs

from carecordon.model.batch import Buffer
from carecordon.pipeline.detect.sigma.accelerate import MOST_LITERALS, Accelerator
from carecordon.pipeline.detect.sigma.ir import PLAIN_OPS, Atom
from carecordon.pipeline.detect.sigma.regexes import demanded

Numbers = frozenset[int]
HIDING = (*(f"\\u00{digit}" for digit in "234567"), "\\u212", "\\u013", "\\u017", "\u212a", "\u0130", "\u017f")
"""Escapes of printable ASCII, Kelvin sign, dotted capital I and long s, and the latter three themselves."""
AS_IT_IS = re.compile(r"[ !#-&(-.0-\[\]-~]+")
MIN_FRAGMENT = 3
NUMERIC = re.compile(r"[-+]?\d*\.?\d*(e[-+]?\d*)?")
WORDS = ("true", "false", "-inf", "nan")
"""Texts of values that are neither text nor decimal."""


class KeywordGate:
    """Knows which fragment each keyword atom demands."""

    def __init__(self, keywords: Iterable[tuple[int, Atom]], accelerator: Accelerator | None) -> None:
        """Take (number, atom) of all keywords."""
        behind: dict[str, set[int]] = defaultdict(set)
        always: set[int] = set()
        every: set[int] = set()
        for number, atom in keywords:
            every.add(number)
            fragments = _fragments(atom)
            if not fragments:
                always.add(number)
            for fragment in fragments:
                behind[fragment].add(number)
        self.every: Numbers = frozenset(every)
        self._always: Numbers = frozenset(always)
        self._behind = [frozenset(numbers) for numbers in behind.values()]
        self._found = _finder([*behind, *HIDING], accelerator) if behind else (lambda _: set())

    def possible(self, data: Buffer) -> Numbers:
        """Return the numbers of the keywords that may stand in a value of UTF-8 JSON text `data`."""
        found = self._found(data)
        if not found:
            return self._always
        if max(found) >= len(self._behind):
            return self.every
        return self._always.union(*(self._behind[index] for index in found))

    def possible_in(self, fields: Mapping[str, Any]) -> Numbers:
        """Return the numbers of the keywords that may stand in one of these values."""
        try:
            text = "\n".join(map(str, fields.values()))  # a list's repr, too, writes the fragments as they are
        except RecursionError:
            return self.every
        return self.possible(text.encode("utf-8", "replace"))


def _finder(literals: list[str], accelerator: Accelerator | None) -> Callable[[Buffer], set[int]]:
    """Return a function that gives the indexes of the ASCII-caseless literals found in bytes."""
    if accelerator is not None and (scanner := accelerator.literals(literals, caseless=True)) is not None:
        return scanner.found_bytes
    encoded = [literal.encode().lower() for literal in literals]
    # The fastest of its forms takes kilobytes for each literal.
    form = ahocorasick_rs.Implementation.DFA if len(encoded) <= MOST_LITERALS else None
    automaton = ahocorasick_rs.BytesAhoCorasick(encoded, implementation=form)

    def found(data: Buffer) -> set[int]:
        return {hit[0] for hit in automaton.find_matches_as_indexes(bytes(data).lower(), overlapping=True)}

    return found


def _fragments(atom: Atom) -> list[str]:
    """Return fragments of which one stands in every raw text that holds the keyword; [] if unknown."""
    whole = [str(atom.value).lower()] if atom.op in PLAIN_OPS else (demanded(str(atom.value)) or ())
    best = [max(AS_IT_IS.findall(text), key=len, default="") for text in whole]
    return best if not any(map(_may_be_anywhere, best)) else []


def _may_be_anywhere(fragment: str) -> bool:
    is_numeric = NUMERIC.fullmatch(fragment) is not None
    return len(fragment) < MIN_FRAGMENT or is_numeric or any(fragment in word for word in WORDS)
