"""A sentence with places to fill: `{image} wrote {file}[ as {account}]`; what stands in brackets may be left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SIGNS = re.compile(r"\{([a-z_]+)\}|([\[\]{}])")


@dataclass(frozen=True, slots=True)
class Place:
    """A place to fill, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sentence; one that `may_lack` is left out where a place in it has no value."""

    pieces: tuple[str | Place, ...]
    may_lack: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence as the catalogue has it, taken apart."""

    parts: tuple[Part, ...]

    @property
    def places(self) -> frozenset[str]:
        """Return the names of all places."""
        return frozenset(piece.name for part in self.parts for piece in part.pieces if isinstance(piece, Place))

    def fill(self, values: Mapping[str, str | None], missing: Mapping[str, str]) -> str:
        """Return the sentence; a place without value that must be filled says what `missing` has for it.

        Values are put in as they are: braces and brackets in them mean nothing.
        """
        return "".join(self._filled(values, missing))

    def _filled(self, values: Mapping[str, str | None], missing: Mapping[str, str]) -> Iterator[str]:
        for part in self.parts:
            names = [piece.name for piece in part.pieces if isinstance(piece, Place)]
            if part.may_lack and not all(values.get(name) for name in names):
                continue
            for piece in part.pieces:
                yield piece if isinstance(piece, str) else values.get(piece.name) or missing.get(piece.name, "")


def template_of(text: str) -> Template:
    """Return the text as a template. Raises ValueError, with what is wrong, if its braces or brackets do not pair."""
    parts: list[Part] = []
    pieces: list[str | Place] = []
    may_lack = False
    done = 0
    for sign in _SIGNS.finditer(text):
        if sign.start() > done:
            pieces.append(text[done : sign.start()])
        done = sign.end()
        if sign[1]:
            pieces.append(Place(sign[1]))
        elif sign[2] in "{}":
            raise ValueError("a brace that is no place: a place is written {name}, in small letters")
        elif (sign[2] == "[") == may_lack:
            raise ValueError("brackets that do not pair: `[` and `]` take turns, none within another")
        else:
            parts.append(Part(tuple(pieces), may_lack))
            pieces, may_lack = [], not may_lack
    if may_lack:
        raise ValueError("a bracket `[` that is not closed")
    parts.append(Part((*pieces, text[done:]), may_lack=False))
    return Template(tuple(part for part in parts if part.pieces))
