"""A question that was rebuilt once, to be asked many times with other values.

Values are put in as literals between the pieces of its text. So a place for one must be a word by itself there, no name
and no part of a text: what a name is made of is quoted otherwise than a value is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from carecordon.telemetry.answer import Denied
from carecordon.telemetry.question.parameters import Parameter, Parameters
from carecordon.telemetry.question.words import DIALECT, unknown_word

_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Slot(NamedTuple):
    """Where a value goes: the name and the type of its parameter."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A question that may be asked, as the store is to read it. `is_joined`: by UNION, EXCEPT or INTERSECT."""

    sql: str
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question made anew but for the values of its parameters; a slot stands between each two of `pieces`."""

    pieces: tuple[str, ...]
    slots: tuple[Slot, ...]
    is_joined: bool

    def filled(self, values: Parameters) -> Rebuilt | Denied:
        """Return it with these values, or why not."""
        text = [self.pieces[0]]
        for slot, piece in zip(self.slots, self.pieces[1:], strict=True):
            if slot.name not in values:
                return Denied(f"there is no value for the parameter {slot.name[:40]!r}")
            made = literal_of(slot.kind, values[slot.name])
            if made is None:
                return Denied(f"the parameter {slot.name[:40]!r} is no {slot.kind[:40]}")
            text += made.sql(DIALECT, comments=False), piece
        whole = "".join(text)
        unknown = unknown_word(whole)
        if unknown is not None:
            return Denied(f"the word {unknown[:40]!r} is not taken in a question")
        return Rebuilt(whole, self.is_joined)


class Slots:
    """The slots of a question while it is rebuilt, by marks that do not stand in it."""

    def __init__(self, question: str) -> None:
        """Begin with none."""
        typed = question.lower()
        self._stem = next(stem for number in count() if (stem := f"slot{number}n") not in typed)
        self._mark = re.compile(rf"{self._stem}(\d+)n")
        self._slots: list[Slot] = []

    def mark(self, slot: Slot) -> str:
        """Return a mark that stands for the value of this one."""
        self._slots.append(slot)
        return f"{self._stem}{len(self._slots) - 1}n"

    def prepared(self, text: str, *, is_joined: bool) -> Prepared | Denied:
        """Return a rebuilt question, with slots where its marks stand.

        A mark that was typed after all, by way of escapes, is none of its words: it is a name there, or in a text.
        """
        for token in sqlglot.tokenize(text, dialect=DIALECT):
            is_marked = self._stem in token.text.lower()
            if is_marked and not (token.token_type is TokenType.VAR and self._mark.fullmatch(token.text)):
                return Denied("a parameter stands where a name or a word would be")
        pieces = self._mark.split(text)
        return Prepared(tuple(pieces[::2]), tuple(self._slots[int(number)] for number in pieces[1::2]), is_joined)


def literal_of(kind: str, value: Parameter) -> exp.Expr | None:
    """Return a value as a literal of a type, whatever stands before it; None where it is none of that type."""
    inner = re.fullmatch(r"Array\((String|Int64|UInt64)\)", kind)
    if inner is not None:
        if isinstance(value, str | int):
            return None
        made = [literal_of(inner.group(1), one) for one in value]
        return None if None in made else exp.Array(expressions=made)
    if kind == "String":
        return exp.Literal.string(value) if isinstance(value, str) else None
    if kind in ("Int64", "UInt64") and isinstance(value, str | int) and _WHOLE.fullmatch(str(value)):
        number = int(value)
        made_number = exp.Literal.number(str(abs(number)))
        return exp.Paren(this=exp.Neg(this=made_number)) if number < 0 else made_number
    return None
