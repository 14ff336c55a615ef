"""One way to write a point in time: RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(time: int, zone: tzinfo = UTC) -> datetime | None:
    """Return a time (UTC ns since 1970) in `zone`, cut to microseconds; None outside the years 1 to 9999."""
    try:
        return (_EPOCH + timedelta(microseconds=time // 1000)).astimezone(zone)
    except OverflowError:
        return None


@lru_cache(1024)
def rfc3339(time: int | None) -> str | None:
    """Return `2026-11-25T01:02:03.123456Z` for a time in UTC ns (cut, never rounded up); None if unknown or past 9999.

    Source: RFC 3339 section 5.6.
    """
    moment = None if time is None else to_datetime(time)
    if moment is None:
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def span_text(seconds: float) -> str:
    """Return a length of time to be taken in at a glance: `45 s`, `12 min 5 s`, `3 h 10 min`, `12 d 4 h`."""
    whole = int(seconds)
    if whole < 1:
        return "under 1 s"
    for size, unit, small, small_unit in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size:,} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole} s"
