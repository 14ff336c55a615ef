"""Times within sentences, made in UTC, told in the reader's zone."""

from __future__ import annotations

import re
from datetime import datetime

from carecordon.report.format import View

_TIME = re.compile(
    r"(?P<data>`[^`]*(?:`|$))"
    r"|\b(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<clock>[0-9]{2}:[0-9]{2}(?P<second>:[0-9]{2})?)(?:Z| UTC)(?!\w)"
)
"""What stands in backticks is from an event and stays as it is."""


def zoned(text: str, view: View) -> str:
    """Return a sentence with its times in UTC (`2026-11-20T13:59:17Z`, `2026-11-20 13:59 UTC`) in the reader's zone.

    The offset stands beside a time, or the zone's short name where it is told to the minute. With UTC asked for the
    sentence stays as it is.
    """
    return text if str(view.zone) == "UTC" else _TIME.sub(lambda found: _told(found, view), text)


def _told(found: re.Match[str], view: View) -> str:
    if found["data"]:
        return found[0]
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{found['clock']}+00:00").astimezone(view.zone)
    except (ValueError, OverflowError):
        return found[0]  # no such day, or one past the years 1 to 9999
    return moment.isoformat(sep=" ", timespec="seconds") if found["second"] else f"{moment:%Y-%m-%d %H:%M %Z}"
