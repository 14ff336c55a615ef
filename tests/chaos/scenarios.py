"""All that breaks on purpose, by name; each is one function of a folder and its options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.chaos.crowd import crowd
from tests.chaos.damage import damage
from tests.chaos.disk_full import disk_full
from tests.chaos.half_open import half_open
from tests.chaos.hostile import poison, same_batch
from tests.chaos.kills import kills
from tests.chaos.outcome import Options, Outcome
from tests.chaos.power_register import power_register
from tests.chaos.power_spool import power_spool
from tests.chaos.power_store import power_store
from tests.chaos.shaken import clocks, messy_wire, store_stopped

Scenario = Callable[[Path, Options], Outcome]

SCENARIOS: dict[str, Scenario] = {
    "power-register": power_register,
    "power-spool": power_spool,
    "power-store": power_store,
    "damage": damage,
    "same-batch": same_batch,
    "poison": poison,
    "messy-wire": messy_wire,
    "clocks": clocks,
    "disk-full": disk_full,
    "store-stopped": store_stopped,
    "half-open": half_open,
    "crowd": crowd,
    "kills": kills,
}
IN_MEMORY = {"power-register", "power-spool", "power-store", "damage"}
"""What is rebuilt again and again from a record: the disk that it lies on says nothing."""
