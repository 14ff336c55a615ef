"""What a result leaves out, in words: findings below the level asked for, and events that were not looked at."""

from __future__ import annotations

from carecordon.model.result import Summary
from carecordon.report.layout import number


def nothing(summary: Summary) -> str:
    """Return what is said where no finding is shown: as much as is true."""
    if not summary.rules_ready:
        return "No rule ran"
    if summary.min_level is not None and summary.findings_hidden:
        return f"Nothing of level {summary.min_level.value} or above"
    return "Nothing matched"


def hidden(summary: Summary) -> str | None:
    """Return how many findings are below the level asked for; None where none is."""
    if summary.min_level is None or not summary.findings_hidden:
        return None
    count = number(summary.findings_hidden, "finding", "findings")
    return f"{count} below {summary.min_level.value} {_are(summary.findings_hidden)} not shown (--min-level)"


def skipped(summary: Summary) -> list[str]:
    """Return which events were not held against the rules, each sort with its reason."""
    bad = summary.events_skipped - summary.events_outside
    told = []
    if summary.events_outside:
        told.append(f"{number(summary.events_outside, 'event was', 'events were')} outside --from/--to")
    if bad:
        told.append(f"{number(bad, 'event', 'events')} could not be read")
    return told


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
