"""Which units hang together: any two that show a link in common, no further apart in time than the link allows."""

from __future__ import annotations

from collections.abc import Iterable

from carecordon.pipeline.triage.links import GAP_NS, Link, Tie
from carecordon.pipeline.triage.ordinary import is_root
from carecordon.pipeline.triage.processes import Processes, Tops
from carecordon.pipeline.triage.unit import Unit


def parts_of(found: Iterable[Unit], processes: Processes) -> list[list[Unit]]:
    """Return the units in groups that hang together, each in time order."""
    units = sorted(found, key=lambda unit: (unit.first, unit.key))
    root = list(range(len(units)))
    latest: dict[Link, tuple[int, int]] = {}  # per link: the unit that reaches furthest, and how far
    tops = Tops(processes)
    for number, unit in enumerate(units):
        for link in (*unit.links, *_tree(unit, tops)):
            before = latest.get(link)
            if before is not None and unit.first - before[1] <= GAP_NS[link[0]]:
                _join(root, before[0], number)
            if before is None or unit.last > before[1]:
                latest[link] = (number, unit.last)
    groups: dict[int, list[Unit]] = {}
    for number, unit in enumerate(units):
        groups.setdefault(_top(root, number), []).append(unit)
    return list(groups.values())


def _tree(unit: Unit, tops: Tops) -> list[Link]:
    """Return the link of a unit's process tree: what is at its top, below Windows' own programs."""
    found = unit.subject
    start = tops.processes.find(unit.device, found.guid, found.pid, unit.first)
    if start is not None:
        top = tops.of(start)
        return [] if top is None else [(Tie.TREE, unit.device, top)]
    if is_root(found.image):
        return []
    if found.guid is not None:
        return [(Tie.TREE, unit.device, found.guid)]
    return [] if found.pid is None else [(Tie.PID, unit.device, str(found.pid))]


def _top(root: list[int], number: int) -> int:
    while root[number] != number:
        root[number] = root[root[number]]
        number = root[number]
    return number


def _join(root: list[int], one: int, other: int) -> None:
    first, second = sorted((_top(root, one), _top(root, other)))
    root[second] = first
