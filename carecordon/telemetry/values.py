"""How a field's value is kept: as text or number, with a mark that says what it was, so that it comes back the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from carecordon.model.event import Value

PLAIN = ""
INTEGER, FLOAT, BOOLEAN, NULL, LIST, EMPTY, TEXT = "i", "f", "b", "n", "l", "e", "t"
MARKS = (PLAIN, INTEGER, FLOAT, BOOLEAN, NULL, LIST, EMPTY, TEXT)
"""What a value was that was no text (in a column of numbers: no number). EMPTY: '', which a column has for absent."""
INT64 = range(-(1 << 63), 1 << 63)


class Written(NamedTuple):
    """A value as it is kept, and its mark."""

    text: str
    mark: str


def write(value: Value) -> Written:
    """Return a value as text."""
    match value:
        case str():
            return Written(value, PLAIN)
        case None:
            return Written("", NULL)
        case bool():
            return Written("true" if value else "false", BOOLEAN)
        case int():
            return Written(str(value), INTEGER)
        case float():
            return Written(repr(value), FLOAT)
        case tuple():
            return Written(json.dumps(value, ensure_ascii=False, separators=(",", ":")), LIST)


_READERS: dict[str, Callable[[str], Value]] = {
    PLAIN: str,
    TEXT: str,
    EMPTY: str,
    NULL: lambda _: None,
    BOOLEAN: lambda text: text == "true",
    INTEGER: int,
    FLOAT: float,
    LIST: lambda text: tuple(json.loads(text)),
}


def reader_of(mark: str) -> Callable[[str], Value]:
    """Return what makes of a text the value that `write` was given; it raises ValueError for what is none."""
    found = _READERS.get(mark)
    if found is None:
        raise ValueError(f"no mark {mark!r}")
    return found


def read(text: str, mark: str) -> Value:
    """Return the value that `write` was given. Raises ValueError for what it would not have made."""
    return reader_of(mark)(text)


def number(value: Value) -> tuple[int, str] | None:
    """Return a value as a number for a column of numbers, and its mark; None where it would not come back."""
    if isinstance(value, int) and not isinstance(value, bool) and value in INT64:
        return value, PLAIN
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.lstrip("-").isdigit():
        found = int(value)
        if str(found) == value and found in INT64:
            return found, TEXT
    return None


def shape_text(marks: Mapping[str, str]) -> str:
    """Return the marks of a row's fields, by name, as one text; '' where all are plain."""
    by_mark: dict[str, list[str]] = {}
    for name, mark in marks.items():
        by_mark.setdefault(mark, []).append(name)
    return json.dumps(by_mark, ensure_ascii=False, separators=(",", ":"), sort_keys=True) if by_mark else ""


def shape_marks(shape: str) -> dict[str, str]:
    """Return the marks by name again."""
    return {name: mark for mark, names in json.loads(shape).items() for name in names} if shape else {}
