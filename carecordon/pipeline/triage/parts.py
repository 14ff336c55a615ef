"""Which units hang together: any two that show a link in common, no further apart in time than the link allows.

Theory. What hangs together is a union over links, and of one link only its own units count. So a change of a unit can
reach the part that it is in, and those that hold a unit with one of its links; all others stay as they are. A look
costs what has changed, not what is open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from carecordon.model.match import Match
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.holders import Holders
from carecordon.pipeline.triage.links import GAP_NS, HORIZON_NS, Link, Tie
from carecordon.pipeline.triage.ordinary import is_root
from carecordon.pipeline.triage.processes import Processes, Tops
from carecordon.pipeline.triage.starts import Id, ids_of
from carecordon.pipeline.triage.unit import Unit, UnitKey, first_of, incident_id


@dataclass(eq=False, slots=True)
class Part:
    """Units that hang together, in time order."""

    units: list[Unit]
    first: Match | None
    """The earliest match in them; None where nothing in it has weight."""
    name: str | None
    """The id of the incident that it is; None where it is none, for nothing in it has weight."""
    asked: tuple[Id, ...] | None = None
    """The ids of processes that were asked for when it was told; None where that is not known."""

    def end(self, now: int | None) -> int:
        """Return when something happened or, live (`now`: the hub's clock, UTC ns), was added last."""
        last = self.units[0].last
        for unit in self.units:
            last = max(last, unit.last)
            if now is not None and last < unit.touched <= now:
                last = unit.touched
        return last

    def hangs_on(self, ids: AbstractSet[Id]) -> bool:
        """Return whether it is told, and may be told otherwise where something became known of these processes."""
        return self.name is not None and (self.asked is None or not ids.isdisjoint(self.asked))

    def is_ahead(self, now: int | None) -> bool:
        """Return whether all of it lies where the hub's clock was once and is no more: nothing will be added to it."""
        return now is not None and all(unit.first > now + HORIZON_NS for unit in self.units)


@dataclass(eq=False, slots=True)
class _Held:
    """A unit as it was looked at last: its links, that of its process tree the last, and its devices."""

    unit: Unit
    links: tuple[Link, ...]
    devices: tuple[str, ...]
    part: Part | None = None


class Parts:
    """All units, in parts that are kept up to date."""

    def __init__(self, processes: Processes) -> None:
        """Ask `processes` which tree a unit's process stands in."""
        self._processes = processes
        self._held: dict[UnitKey, _Held] = {}
        self._holders = Holders[Link]()
        self._on = Holders[str]()
        self._named: dict[str, Part] = {}
        self._parts: dict[int, Part] = {}
        self._dirty: dict[UnitKey, Unit] = {}
        self._stirred: dict[str, set[Id]] = {}
        """By device, the ids of processes of which something became known."""
        self._standing: set[UnitKey] = set()
        """Units that were taken up, whose trees are those of the last look."""
        self.moved: list[Unit] = []
        """Units that stood in another tree at the look before the last one, or in none that was known."""

    def __iter__(self) -> Iterator[Part]:
        """Yield all parts, as of the last look."""
        return iter(self._parts.values())

    @property
    def names(self) -> Collection[str]:
        """Return the ids of the incidents that parts are."""
        return self._named.keys()

    def named(self, name: str) -> Part | None:
        """Return the part that is the incident of this id."""
        return self._named.get(name)

    def touch(self, unit: Unit) -> None:
        """Note that a unit is new, has changed, or takes the place of the one with its key."""
        self._dirty[unit.key] = unit
        self._standing.discard(unit.key)

    def take_up(self, unit: Unit, *, stands: bool) -> None:
        """Note a unit that was kept; `stands`: nothing came on its device since it was looked at, as we would."""
        self._dirty[unit.key] = unit
        if stands and unit.tree is not None:
            self._standing.add(unit.key)

    def stir(self, start: ProcessStart) -> None:
        """Note that a process became known, or is forgotten."""
        self._stirred.setdefault(start.device, set()).update(ids_of(start))

    def look(self) -> tuple[list[Part], list[Part]]:
        """Bring the parts up to date; return those that are no more, and those that are new or may be told otherwise.

        A part of the second kind has a unit that has changed, or hangs on a process that became known.
        """
        tops = Tops(self._processes)
        self.moved = []
        shaken = self._shaken(tops)
        dirty, self._dirty = self._dirty, {}
        reached: dict[int, Part] = {}
        for link in self._indexed(dirty.values(), tops):
            for key in self._holders.of(link):
                part = self._held[key].part
                if part is not None:
                    reached[id(part)] = part
        for key in dirty:
            part = self._held[key].part
            if part is not None:
                reached[id(part)] = part
        keys = dict.fromkeys([*(unit.key for part in reached.values() for unit in part.units), *dirty])
        for part in reached.values():
            self._dissolve(part)
        known = {id(part.first): part.name for part in reached.values() if part.first is not None}
        formed = [self._form(units, known) for units in self._grouped([self._held[key].unit for key in keys])]
        return list(reached.values()), [*(part for part in shaken if id(part) not in reached), *formed]

    def drop(self, part: Part) -> None:
        """Forget a part and its units."""
        self._dissolve(part)
        for unit in part.units:
            held = self._held.pop(unit.key)
            self._dirty.pop(unit.key, None)
            self._holders.take_out(held.links, unit.key)
            self._on.take_out(held.devices, unit.key)

    def _shaken(self, tops: Tops) -> list[Part]:
        """Return the parts that hang on what is new; a unit in another tree than before is to be looked at."""
        stirred, self._stirred = self._stirred, {}
        if self._standing:
            self._standing = {key for key in self._standing if self._dirty[key].device not in stirred}
        shaken: dict[int, Part] = {}
        for device, ids in stirred.items():
            for key in self._on.of(device):
                held = self._held[key]
                if held.part is not None and held.part.hangs_on(ids):
                    shaken[id(held.part)] = held.part
                if key not in self._dirty and _tree(held.unit, tops) != held.unit.tree:
                    self._dirty[key] = held.unit
        return list(shaken.values())

    def _indexed(self, units: Iterable[Unit], tops: Tops) -> dict[Link, None]:
        """Write down what these are tied by, and return it: whom they were tied to by other links is in their part."""
        met: dict[Link, None] = {}
        standing, self._standing = self._standing, set()
        for unit in units:
            before = self._held.get(unit.key)
            if unit.key not in standing:
                tree = _tree(unit, tops)
                if tree != unit.tree:
                    unit.tree = tree
                    self.moved.append(unit)
            links = (*unit.links, *(unit.tree or ()))
            held = self._held[unit.key] = _Held(unit, links, tuple(unit.devices))
            if before is not None:
                held.part = before.part
                self._holders.take_out(set(before.links).difference(links), unit.key)
                self._on.take_out(set(before.devices).difference(held.devices), unit.key)
            met.update(dict.fromkeys(links))
            for link in links:
                self._holders.put(link, unit.key)
            for device in held.devices:
                self._on.put(device, unit.key)
        return met

    def _grouped(self, units: list[Unit]) -> list[list[Unit]]:
        """Return units in groups that hang together, each in time order."""
        units.sort(key=lambda unit: (unit.first, unit.key))
        root = list(range(len(units)))
        latest: dict[Link, tuple[int, int]] = {}  # per link: the unit that reaches furthest, and how far
        for number, unit in enumerate(units):
            for link in self._held[unit.key].links:
                before = latest.get(link)
                if before is not None and unit.first - before[1] <= GAP_NS[link[0]]:
                    _join(root, before[0], number)
                if before is None or unit.last > before[1]:
                    latest[link] = (number, unit.last)
        groups: dict[int, list[Unit]] = {}
        for number, unit in enumerate(units):
            groups.setdefault(_top(root, number), []).append(unit)
        return list(groups.values())

    def _form(self, units: list[Unit], former: Mapping[int, str | None]) -> Part:
        """Return a new part; `former` names those that it is made from, by the `id()` of their first match."""
        first = name = None
        if any(unit.rule.level.rank for unit in units):
            first = first_of(units)
            name = former.get(id(first)) or incident_id(first)
        part = Part(units, first, name)
        self._parts[id(part)] = part
        if name is not None:
            self._named[name] = part
        for unit in units:
            self._held[unit.key].part = part
        return part

    def _dissolve(self, part: Part) -> None:
        del self._parts[id(part)]
        if part.name is not None and self._named.get(part.name) is part:
            del self._named[part.name]


def _tree(unit: Unit, tops: Tops) -> tuple[Link, ...]:
    """Return the link of a unit's process tree, if any: what is at its top, below Windows' own programs."""
    found = unit.subject
    start = unit.process(tops.processes)
    if start is not None:
        top = tops.of(start)
        return () if top is None else ((Tie.TREE, unit.device, top),)
    if is_root(found.image):
        return ()
    if found.guid is not None:
        return ((Tie.TREE, unit.device, found.guid),)
    return () if found.pid is None else ((Tie.PID, unit.device, str(found.pid)),)


def _top(root: list[int], number: int) -> int:
    while root[number] != number:
        root[number] = root[root[number]]
        number = root[number]
    return number


def _join(root: list[int], one: int, other: int) -> None:
    first, second = sorted((_top(root, one), _top(root, other)))
    root[second] = first
