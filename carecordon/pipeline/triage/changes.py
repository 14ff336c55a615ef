"""Which records of grouping have changed since they were last asked for, where somebody writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.heads import Heads
from carecordon.pipeline.triage.records import Item, Kept, Key, head_key, start_key, unit_key, written
from carecordon.pipeline.triage.unit import Unit


class Changes:
    """Notes what changed, and makes records of it when it is asked for; `is_kept`: somebody will ask."""

    def __init__(self, *, is_kept: bool) -> None:
        """Begin with nothing changed."""
        self.is_kept = is_kept
        self.heads = Heads()
        self._keys: set[Key] = set()
        self._starts: dict[Key, ProcessStart | None] = {}

    def resume(self, kept: Kept) -> None:
        """Go on with the heads that were kept; those that nothing names any more are gone."""
        self.heads = kept.heads
        for name in self.heads.forget_all_but(kept.rules()):
            self.note(head_key(name))

    def note(self, key: Key) -> None:
        """Note that what this key names is new, other than it was, or gone."""
        if self.is_kept:
            self._keys.add(key)

    def started(self, start: ProcessStart, *, is_gone: bool = False) -> None:
        """Note a process that is new, or gone."""
        if self.is_kept:
            self._starts[start_key(start)] = None if is_gone else start

    def moved(self, units: Iterable[Unit]) -> None:
        """Note units that stand in another process tree than before."""
        if self.is_kept:
            self._keys.update(map(unit_key, units))

    def take(self, item_of: Callable[[Key], Item | None]) -> dict[Key, bytes | None]:
        """Return the records; None for those that are gone. `item_of` gives what a key names now."""
        keys, self._keys = self._keys, set()
        starts, self._starts = self._starts, {}
        items: dict[Key, Item | None] = {key: item_of(key) for key in keys} | starts
        found = {key: None if item is None else written(item, self.heads) for key, item in items.items()}
        found |= {head_key(name): written(head, self.heads) for name, head in self.heads.unwritten().items()}
        return {key: found[key] for key in sorted(found)}
