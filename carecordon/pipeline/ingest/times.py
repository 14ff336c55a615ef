"""Times as events write them, to UTC nanoseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NS = 1_000_000_000
MAX_KEPT = 4_096
_LIMIT = (1 << 63) - 60 * NS
"""Times are kept in 64 bits, by a table and by the spool; less a minute, since a fraction comes on top."""
PLAIN = 19
"""Length of `2026-11-25T01:02:03`."""
_MINUTE = 17
_SECONDS = {f"{second:02}": second * NS for second in range(60)}
_SCALES = [10 ** (9 - digits) for digits in range(10)]
"""Nanoseconds of one in the last place of a fraction, by its number of digits."""
_MILLISECONDS = 5
"""Length of `.123Z`, of which there are a thousand."""


class Clockwork:
    """Reads times; remembers the seconds and fractions it met, since events come many to both."""

    def __init__(self) -> None:
        """Start with nothing read.

        `seconds` and `fractions` are what a reader in a hurry may look into itself: the two parts of a
        text, before and from PLAIN on, in UTC ns. Only if both are there is the sum right.
        """
        self.seconds: dict[str, int] = {}
        self.fractions: dict[str, int] = {"": 0, "Z": 0}
        self._minute = ""
        self._minute_ns = 0

    def utc_ns(self, text: Any) -> int | None:
        """Return a time in UTC ns, None where it is no time; a time without zone counts as UTC.

        Reads ISO 8601 with `T` or a space and up to nine digits of a second (six where a zone other
        than Z is given; more are cut). A time outside the years 1677 to 2262, which 64 bits cannot hold, is none.
        """
        if type(text) is not str:
            return None
        second, rest = self.seconds.get(text[:PLAIN]), text[PLAIN:]
        if second is None:
            return self._read(text)
        fraction = self.fractions.get(rest)
        if fraction is None:
            fraction = _fraction(rest)
            if fraction is None:
                return self._read(text)
            self._keep(rest, fraction)
        return second + fraction

    def _read(self, text: str) -> int | None:
        rest = text[PLAIN:]
        second, fraction = self._second_ns(text[:PLAIN]), _fraction(rest)
        if second is None or fraction is None:
            return _in_range(_slowly(text))
        if _in_range(second) is None:
            return _in_range(second + fraction)
        if len(self.seconds) >= MAX_KEPT:
            self.seconds.clear()
        self.seconds[text[:PLAIN]] = second
        self._keep(rest, fraction)
        return second + fraction

    def _keep(self, rest: str, fraction: int) -> None:
        """Remember a fraction of a second if it is in milliseconds: finer ones hardly come twice."""
        if len(rest) == _MILLISECONDS and rest[-1] == "Z":
            self.fractions[rest] = fraction

    def _second_ns(self, head: str) -> int | None:
        if head[:_MINUTE] != self._minute:
            minute = _minute_ns(head[:_MINUTE] + "00")
            if minute is None:
                return None
            self._minute, self._minute_ns = head[:_MINUTE], minute
        second = _SECONDS.get(head[_MINUTE:])
        return None if second is None else self._minute_ns + second


def _fraction(rest: str) -> int | None:
    """Return the nanoseconds of what follows the second, None where a zone or anything else follows."""
    digits = rest[1:-1] if rest.endswith("Z") else rest[1:]
    if rest[:1] == "." and digits.isdecimal() and digits.isascii():
        return int(digits) * _SCALES[len(digits)] if len(digits) < len(_SCALES) else int(digits[:9])
    return 0 if rest in ("", "Z") else None


def _minute_ns(head: str) -> int | None:
    if len(head) != PLAIN or not head[13] == head[16] == ":":  # `2026-11-25T01:02+01` is as long
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
