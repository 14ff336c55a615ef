"""How fast a recording of an exercise is written: the command itself, two lengths of it, start-up taken out."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DAYS = (1, 3)
_EVENTS = re.compile(r"([\d,]+) events of ")


def measure(scenario: str, repeat: int) -> dict[str, Any]:
    """Return the figures; of `repeat` runs of each length the fastest counts.

    Raises OSError if the command cannot be run, ValueError with its words if it fails.
    """
    (few, few_s), (many, many_s) = (
        min((_written(scenario, days) for _ in range(repeat)), key=_seconds) for days in DAYS
    )
    rate = (many - few) / (many_s - few_s) if many_s > few_s else 0.0
    return {"scenario": scenario, "events": many, "seconds": round(many_s, 3), "events_per_s": round(rate, 1)}


def _seconds(run: tuple[int, float]) -> float:
    return run[1]


def _written(scenario: str, days: int) -> tuple[int, float]:
    """Return how many events one run wrote, and its seconds from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "events.jsonl")
        command = [sys.executable, "-m", "carecordon", "exercise", "write", scenario, "--days", str(days), "--out", out]
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
        seconds = time.monotonic() - started
    told = _EVENTS.search(done.stdout)
    if done.returncode or told is None:
        raise ValueError(f"exercise write {scenario} failed: {(done.stderr or done.stdout).strip()}")
    return int(told[1].replace(",", "")), seconds
