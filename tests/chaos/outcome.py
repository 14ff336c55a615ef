"""What a scenario is given, and what it says in the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """How hard it is to be.

    `kills` of each process; `cuts` points at which the power fails; `seconds` of load; `strangers` at the doors.
    """

    seed: int = 5
    kills: int = 50
    cuts: int = 100
    devices: int = 100
    events_per_s: float = 3_200.0
    seconds: float = 20.0
    strangers: int = 10_000

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Options:
        """Return the long form, or what CHAOS_SEED, CHAOS_KILLS, CHAOS_CUTS, CHAOS_DEVICES and CHAOS_RATE ask for."""
        return cls(
            seed=int(environment.get("CHAOS_SEED", cls.seed)),
            kills=int(environment.get("CHAOS_KILLS", cls.kills)),
            cuts=int(environment.get("CHAOS_CUTS", cls.cuts)),
            devices=int(environment.get("CHAOS_DEVICES", cls.devices)),
            events_per_s=float(environment.get("CHAOS_RATE", cls.events_per_s)),
        )


SHORT = Options(kills=1, cuts=20, devices=60, events_per_s=1_500.0, seconds=2.0, strangers=1_000)
"""What `make test` can afford."""


@dataclass
class Outcome:
    """A scenario's name, its figures in one line, what is wrong, and what was too slow (wrong in the long form).

    `missing`: what this machine lacks, and how to get it, where the scenario could not be run.
    """

    name: str
    line: str
    faults: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    missing: str = ""

    @classmethod
    def unrun(cls, name: str, missing: str) -> Outcome:
        """Return that of a scenario that could not be run."""
        return cls(name, "could not be run", missing=missing)

    @property
    def is_good(self) -> bool:
        """Return whether it was run, and all was right and quick."""
        return not (self.faults or self.slow or self.missing)
