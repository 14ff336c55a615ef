"""A sentence with places to fill: `{image} wrote {file}[ as {account}]`; what stands in brackets may be left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SIGNS = re.compile(r"\{([a-z_]+)\}|([\[\]{}|])")


@dataclass(frozen=True, slots=True)
class Place:
    """A place to fill, by name."""

    name: str


Pieces = tuple[str | Place, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sentence: the first of its forms that can be filled. `may_lack`: if none can, it is left out."""

    forms: tuple[Pieces, ...]
    may_lack: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence as the catalogue has it, taken apart."""

    parts: tuple[Part, ...]

    @property
    def places(self) -> frozenset[str]:
        """Return the names of all places."""
        return frozenset(place for part in self.parts for form in part.forms for place in _places(form))

    @property
    def texts(self) -> Iterator[str]:
        """Yield what stands between the places."""
        forms = (form for part in self.parts for form in part.forms)
        return (piece for form in forms for piece in form if isinstance(piece, str))

    def fill(self, values: Mapping[str, str | None], missing: Mapping[str, str]) -> str:
        """Return the sentence; a place without value that must be filled says what `missing` has for it.

        Values are put in as they are: braces and brackets in them mean nothing.
        """
        return "".join(_filled(self.parts, values, missing))


def template_of(text: str) -> Template:
    """Return the text as a template. Raises ValueError, with what is wrong, if its braces or brackets do not pair."""
    reading = _Reading()
    done = 0
    for sign in _SIGNS.finditer(text):
        reading.text(text[done : sign.start()])
        done = sign.end()
        if sign[1]:
            reading.pieces.append(Place(sign[1]))
        else:
            reading.sign(sign[2])
    if reading.is_inside:
        raise ValueError("a bracket `[` that is not closed")
    reading.text(text[done:])
    return Template(reading.end())


class _Reading:
    """A template read so far."""

    def __init__(self) -> None:
        """Start outside brackets."""
        self.pieces: list[str | Place] = []
        self.is_inside = False
        self._forms: list[Pieces] = []
        self._parts: list[Part] = []

    def text(self, text: str) -> None:
        """Add what stands between two signs."""
        if text:
            self.pieces.append(text)

    def sign(self, sign: str) -> None:
        """Open or close a bracket, or begin another form within one."""
        if sign in "{}":
            raise ValueError("a brace that is no place: a place is written {name}, in small letters")
        if sign == "|" and not self.is_inside:
            raise ValueError("`|` parts the forms within brackets; there are none around it")
        if sign != "|" and (sign == "[") == self.is_inside:
            raise ValueError("brackets that do not pair: `[` and `]` take turns, none within another")
        self._forms.append(tuple(self.pieces))
        self.pieces = []
        if sign != "|":
            self._parts.append(Part(tuple(self._forms), self.is_inside))
            self._forms, self.is_inside = [], not self.is_inside

    def end(self) -> tuple[Part, ...]:
        """Return all parts that hold something."""
        self._parts.append(Part((tuple(self.pieces),), may_lack=False))
        return tuple(part for part in self._parts if any(part.forms))


def _filled(parts: tuple[Part, ...], values: Mapping[str, str | None], missing: Mapping[str, str]) -> Iterator[str]:
    for part in parts:
        form = next((form for form in part.forms if all(values.get(place) for place in _places(form))), None)
        if form is None and not part.may_lack:
            form = part.forms[0]
        for piece in form or ():
            yield piece if isinstance(piece, str) else values.get(piece.name) or missing.get(piece.name, "")


def _places(form: Pieces) -> list[str]:
    return [piece.name for piece in form if isinstance(piece, Place)]
