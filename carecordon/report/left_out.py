"""What a result leaves out, in words: findings below the level asked for, events outside the time, rules that ran."""

from __future__ import annotations

from carecordon.model.result import Summary
from carecordon.report.layout import number


def nothing(summary: Summary) -> str:
    """Return what is said where no finding is shown: as much as is true."""
    if summary.min_level is not None and summary.findings_hidden:
        return f"Nothing of level {summary.min_level.value} or above"
    return "Nothing matched"


def hidden(summary: Summary) -> str | None:
    """Return how many findings are below the level asked for; None where none is."""
    if summary.min_level is None or not summary.findings_hidden:
        return None
    count = number(summary.findings_hidden, "finding", "findings")
    return f"{count} below {summary.min_level.value} {_are(summary.findings_hidden)} not shown (--min-level)"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
