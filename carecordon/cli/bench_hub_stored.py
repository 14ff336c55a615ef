"""What a hub holds at the end: all that it acknowledged, or not, and how many bytes an event takes at rest."""

from __future__ import annotations

import json
import time
from typing import Any

from carecordon.cli.bench_hub_site import Site
from carecordon.cli.hub_line import Line

SETTLED_S = 120.0
LOOK_S = 1.0
STEADY = 10
"""So many looks alike: merging has come to rest."""
STORED_S = 60.0


def count(line: Line, acknowledged: int, within_s: float = STORED_S) -> dict[str, Any]:
    """Return how many events are in the store, each of them once, against how many were acknowledged."""
    end = time.monotonic() + within_s
    sql = "SELECT count() AS n, uniqExact(sender, epoch, sequence) AS u FROM events"
    while True:
        row = json.loads(line.post("/ask", {"sql": sql}))["rows"][0]
        if row["n"] >= acknowledged or time.monotonic() > end:
            break
        time.sleep(LOOK_S)
    return {
        "acknowledged": acknowledged,
        "stored": row["n"],
        "distinct": row["u"],
        "lost": acknowledged - row["u"],
        "twice": row["n"] - row["u"],
    }


def settled(site: Site) -> dict[str, Any]:
    """Return bytes an event as the running store tells them, once its merging has come to rest."""
    end = time.monotonic() + SETTLED_S
    seen: list[tuple[float, float]] = []
    while True:
        pulse = site.pulses().get("keeper")
        figures = {} if pulse is None else pulse.figures
        seen = [*seen[1 - STEADY :], (figures.get("parts", 0.0), figures.get("disk_bytes", 0.0))]
        if (len(seen) == STEADY and len(set(seen)) == 1 and seen[0][0]) or time.monotonic() > end:
            break
        time.sleep(LOOK_S)
    rows = figures.get("rows", 0.0)
    return {
        "rows": rows,
        "parts": figures.get("parts"),
        "disk_bytes": figures.get("disk_bytes"),
        "bytes_per_event": round(figures["disk_bytes"] / rows, 1) if rows else None,
    }
