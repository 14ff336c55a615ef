"""A kind of store on the shelf: its name, the side that keeps events and the side that answers questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carecordon.model.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Backend:
    """What can keep events. `keep` and `ask` are handed where it listens, and what else it needs."""

    name: str
    keep: Callable[..., Telemetry]
    ask: Callable[..., Any]
