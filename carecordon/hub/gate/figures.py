"""The gate's own figures: counters that only rise, and how long receipts took."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

SAMPLES = 4_096
"""Receipts that the percentiles are of: the latest."""
MAX_KINDS = 64


class Figures:
    """What the gate counts. A name that ends in `_total` only rises."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.totals: Counter[str] = Counter()
        self._latencies: deque[int] = deque(maxlen=SAMPLES)
        self._commits: deque[float] = deque(maxlen=SAMPLES // 16)
        self._last_messages = 0

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter; `_total` is appended to its name."""
        if name in self.totals or len(self.totals) < MAX_KINDS:
            self.totals[name] += number

    def receipt(self, took_ns: int) -> None:
        """Take in how long a batch waited for its receipt."""
        self._latencies.append(took_ns)

    def commit(self, took_s: float) -> None:
        """Take in how long a group's commit took."""
        self._commits.append(took_s)

    def messages_per_s(self, elapsed_s: float) -> float:
        """Return how many messages a second came since the last call, `elapsed_s` ago."""
        new = self.totals["messages"] - self._last_messages
        self._last_messages = self.totals["messages"]
        return new / elapsed_s if elapsed_s > 0 else 0.0

    def told(self) -> dict[str, float]:
        """Return all counters, and the latest receipts' percentiles in ms (of none: 0)."""
        told = {f"{name}_total": float(number) for name, number in self.totals.items()}
        receipts, commits = sorted(self._latencies), sorted(self._commits)
        for percent in (50, 99):
            told[f"ack_p{percent}_ms"] = _share(receipts, percent) / 1e6
            told[f"commit_p{percent}_ms"] = _share(commits, percent) * 1e3
        return told


def _share(ordered: Sequence[float], percent: int) -> float:
    return ordered[percent * (len(ordered) - 1) // 100] if ordered else 0.0
