"""The shelf of scenarios: what may happen to the hospital; adding a file is all it takes."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from carecordon.exercise.scenario import Scenario


@functools.cache
def all_scenarios() -> dict[str, Scenario]:
    """Return every scenario of this folder by its name, in order of the names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [getattr(importlib.import_module(f"{__name__}.{name}"), name.upper()) for name in modules]
    return {scenario.name: scenario for scenario in found}
