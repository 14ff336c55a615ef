"""A question that was rebuilt once, to be asked many times with other values."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from carecordon.telemetry.answer import Denied
from carecordon.telemetry.question.parameters import Parameters, literal_of
from carecordon.telemetry.question.words import DIALECT


class Slots:
    """Where values of parameters go, while a question is rebuilt: marks that nobody can have typed."""

    def __init__(self) -> None:
        """Begin with none."""
        self._secret = f"slot{secrets.token_hex(16)}n"
        self._named: list[tuple[str, str]] = []

    def mark(self, name: str, kind: str) -> str:
        """Return a mark that stands for a value of this name and type."""
        self._named.append((name, kind))
        return f"{self._secret}{len(self._named) - 1}n"

    def cut(self, text: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """Return the pieces of a text between its marks, and name and type of each."""
        pieces = re.split(rf"{self._secret}(\d+)n", text)
        return tuple(pieces[::2]), tuple(self._named[int(number)] for number in pieces[1::2])


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A question that may be asked, as the store is to read it. `is_joined`: by UNION, EXCEPT or INTERSECT."""

    sql: str
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question made anew but for the values of its parameters: `slots`, name and type, stand between `pieces`."""

    pieces: tuple[str, ...]
    slots: tuple[tuple[str, str], ...]
    is_joined: bool

    def filled(self, values: Parameters) -> Rebuilt | Denied:
        """Return it with these values, or why not."""
        text = [self.pieces[0]]
        for (name, kind), piece in zip(self.slots, self.pieces[1:], strict=True):
            if name not in values:
                return Denied(f"there is no value for the parameter {name[:40]!r}")
            made = literal_of(kind, values[name])
            if made is None:
                return Denied(f"the parameter {name[:40]!r} is no {kind[:40]}")
            text += made.sql(DIALECT, comments=False), piece
        return Rebuilt("".join(text), self.is_joined)
