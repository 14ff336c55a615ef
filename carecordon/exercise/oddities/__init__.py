"""The shelf of oddities: harmless things that look bad, one file each; adding a file is all it takes."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from carecordon.exercise.habit import Habit


@functools.cache
def all_oddities() -> tuple[Habit, ...]:
    """Return every oddity of this folder, in order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(getattr(importlib.import_module(f"{__name__}.{name}"), name.upper()) for name in names)
