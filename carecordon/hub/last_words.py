"""Why a process ended, as its log says: what a person would look up in it, in one line."""

from __future__ import annotations

import json
from pathlib import Path

TAIL_BYTES = 16_384
CHARS = 300
_BAD = frozenset({"error", "critical"})


def last_words(path: Path, start: int) -> str:
    """Return the reason in the last line that was written behind byte `start`, or '' where it tells of nothing bad.

    A line is a record of ours, whose `why` counts, or what somebody else wrote, the end of a trace for example.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start if start <= size else 0, size - TAIL_BYTES))  # the log may have been begun anew
            lines = file.read(TAIL_BYTES).decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    try:
        record = json.loads(last)
    except ValueError:
        return _short(last)
    if not isinstance(record, dict):
        return _short(last)
    return _short(str(record.get("why") or record.get("event") or "")) if record.get("level") in _BAD else ""


def _short(text: str) -> str:
    return text if len(text) <= CHARS else f"{text[:CHARS]}…"
