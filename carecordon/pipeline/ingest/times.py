"""Times as events write them, to UTC nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NS = 1_000_000_000
MAX_FRACTIONS = 4_096
_PLAIN = 19
"""Length of `2026-11-25T01:02:03`."""


class Clockwork:
    """Reads times; remembers the second it read last and the fractions it met, since events come many to the second."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._text = ""
        self._second_ns = 0
        self._fractions: dict[str, int] = {}

    def utc_ns(self, text: Any) -> int | None:
        """Return a time in UTC ns, None where it is no time; a time without zone counts as UTC.

        Reads ISO 8601 with `T` or a space and up to nine digits of a second (more are cut).
        """
        if type(text) is not str:
            return None
        try:
            if text[:_PLAIN] == self._text:
                return self._second_ns + self._fractions[text[_PLAIN:]]
        except KeyError:
            pass
        return self._read(text)

    def _read(self, text: str) -> int | None:
        head, rest = text[:_PLAIN], text[_PLAIN:]
        second = _second(head)
        fraction = _fraction(rest)
        if second is None or fraction is None:
            return _slowly(text)
        self._text, self._second_ns = head, second * NS
        if len(self._fractions) >= MAX_FRACTIONS:
            self._fractions.clear()
        self._fractions[rest] = fraction
        return second * NS + fraction


def _fraction(rest: str) -> int | None:
    """Return the nanoseconds of what follows the second, None where a zone or anything else follows."""
    digits = rest.removesuffix("Z")
    if not digits:
        return 0
    if digits[0] == "." and digits[1:].isdecimal() and digits.isascii():
        return int(digits[1:10].ljust(9, "0"))
    return None


def _second(head: str) -> int | None:
    try:
        return int(datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp()) if len(head) == _PLAIN else None
    except (ValueError, OverflowError):
        return None


def _slowly(text: str) -> int | None:
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    try:
        whole = int(date.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        return None
    return whole * NS + date.microsecond * 1_000
