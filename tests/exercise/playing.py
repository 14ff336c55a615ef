"""Short recordings that many tests look at, each played once in a test run."""

from __future__ import annotations

from functools import cache
from typing import Any

from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from carecordon.exercise.stage import Line

SPANS = {"friday": Span(8.5, 10.0), "hands-on": Span(9.0, 12.0), "quiet": Span(9.0, 11.0)}
"""Long enough for everything that belongs to the scenario."""
NAMES = sorted(SPANS)
SYSMON = "Microsoft-Windows-Sysmon/Operational"
Event = dict[str, Any]


def recording(name: str, seed: int = 3, **changes: Any) -> Recording:
    """Return a short recording of a scenario."""
    return Recording(all_scenarios()[name], seed, **{"span": SPANS[name], **changes})


@cache
def played(name: str, seed: int = 3, *, random_names: bool = False) -> tuple[Line, ...]:
    """Return all its lines."""
    return tuple(recording(name, seed, has_random_names=random_names).lines())


def events(name: str) -> list[Event]:
    """Return the events of a scenario without the truth."""
    return [document for document, _ in played(name)]
