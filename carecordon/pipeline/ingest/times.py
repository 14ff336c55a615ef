"""Times as events write them, to UTC nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NS = 1_000_000_000
MAX_FRACTIONS = 4_096
_LIMIT = (1 << 63) - 60 * NS
"""Times are kept in 64 bits, by a table and by the spool; less a minute, since the rest of one comes on top."""
_MINUTE, _PLAIN = 17, 19
"""Lengths of `2026-11-25T01:02:` and `2026-11-25T01:02:03`."""
SECONDS = {f"{second:02}": second * NS for second in range(60)}
_TICKS = 11
"""Length of `.123456789Z`: nothing longer is remembered."""


class Clockwork:
    """Reads times; remembers the minute it read last and the fractions it met, since events come many to both."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._minute = ""
        self._minute_ns = 0
        self._fractions: dict[str, int] = {}

    def utc_ns(self, text: Any) -> int | None:
        """Return a time in UTC ns, None where it is no time; a time without zone counts as UTC.

        Reads ISO 8601 with `T` or a space and up to nine digits of a second (six where a zone other
        than Z is given; more are cut). A time outside the years 1677 to 2262, which 64 bits cannot hold, is none.
        """
        if type(text) is not str:
            return None
        try:
            if text[:_MINUTE] == self._minute:
                return self._minute_ns + SECONDS[text[_MINUTE:_PLAIN]] + self._fractions[text[_PLAIN:]]
        except KeyError:
            pass
        return self._read(text)

    def _read(self, text: str) -> int | None:
        rest = text[_PLAIN:]
        minute = _minute_ns(text[:_MINUTE] + "00")
        second = SECONDS.get(text[_MINUTE:_PLAIN])
        fraction = _fraction(rest)
        if minute is None or second is None or fraction is None:
            return _in_range(_slowly(text))
        if len(rest) > _TICKS or _in_range(minute) is None:
            return _in_range(minute + second + fraction)
        self._minute, self._minute_ns = text[:_MINUTE], minute
        if len(self._fractions) >= MAX_FRACTIONS:
            self._fractions.clear()
        self._fractions[rest] = fraction
        return minute + second + fraction


def _fraction(rest: str) -> int | None:
    """Return the nanoseconds of what follows the second, None where a zone or anything else follows."""
    digits = rest.removesuffix("Z")
    if not digits:
        return 0
    if digits[0] == "." and digits[1:].isdecimal() and digits.isascii():
        return int(digits[1:10].ljust(9, "0"))
    return None


def _minute_ns(head: str) -> int | None:
    if len(head) != _PLAIN or not head[13] == head[16] == ":":  # `2026-11-25T01:02+01` is as long
        return None
    try:
        return int(datetime.fromisoformat(head).replace(tzinfo=UTC).timestamp()) * NS
    except ValueError:
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


def _in_range(time: int | None) -> int | None:
    return time if time is not None and -_LIMIT < time < _LIMIT else None
