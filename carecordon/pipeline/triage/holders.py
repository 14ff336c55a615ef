"""Which units show a link, or came on a device: mostly one, so that one is held without a table around it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

from carecordon.pipeline.triage.unit import UnitKey

_Name = TypeVar("_Name", bound=Hashable)


class Holders(Generic[_Name]):
    """The units of each name, in the order in which they came."""

    def __init__(self) -> None:
        """Begin with none."""
        self._held: dict[_Name, UnitKey | dict[UnitKey, None]] = {}

    def of(self, name: _Name) -> Collection[UnitKey]:
        """Return the units of a name."""
        held = self._held.get(name)
        if held is None:
            return ()
        return held if isinstance(held, dict) else (held,)

    def put(self, name: _Name, key: UnitKey) -> None:
        """Take in a unit, once."""
        held = self._held.setdefault(name, key)
        if isinstance(held, dict):
            held[key] = None
        elif held != key:
            self._held[name] = {held: None, key: None}

    def take_out(self, names: Iterable[_Name], key: UnitKey) -> None:
        """Take a unit out of these names, which it has."""
        for name in names:
            held = self._held[name]
            if isinstance(held, dict) and len(held) > 1:
                del held[key]
            else:
                del self._held[name]
