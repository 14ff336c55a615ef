"""Times as events write them, to UTC nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NS = 1_000_000_000
_PLAIN = 19
"""Length of `2026-11-25T01:02:03`."""


class Clockwork:
    """Reads times; remembers the second it read last, since events come many to the second."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._text = ""
        self._second = 0

    def utc_ns(self, text: Any) -> int | None:
        """Return a time in UTC ns, None where it is no time; a time without zone counts as UTC.

        Reads ISO 8601 with `T` or a space and up to nine digits of a second (more are cut).
        """
        if not isinstance(text, str):
            return None
        head = text[:_PLAIN]
        if head != self._text:
            second = _second(head)
            if second is None:
                return _slowly(text)
            self._text, self._second = head, second
        if len(text) in (23, 24) and text[19] == "." and text[23:] in ("", "Z"):
            milliseconds = text[20:23]
            if milliseconds.isdecimal() and milliseconds.isascii():
                return self._second * NS + int(milliseconds) * 1_000_000
        rest = text[_PLAIN:]
        if rest in ("", "Z"):
            return self._second * NS
        fraction = rest[1:-1] if rest[-1] == "Z" else rest[1:]
        if rest[0] == "." and fraction.isdecimal() and fraction.isascii():
            return self._second * NS + int(fraction[:9].ljust(9, "0"))
        return _slowly(text)


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
