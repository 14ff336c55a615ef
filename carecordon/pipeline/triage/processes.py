"""The processes of devices, as their starts were seen: who is whose parent, also where only process ids say so.

Bounded for each device, the oldest forgotten first. What is answered depends on the starts
that are known, not on the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.ordinary import base_name, is_root

LIMIT = 20_000
"""Processes remembered of one device."""
TOTAL = 100_000
"""Processes remembered of all devices together; beyond, those with most forget their oldest, down to three quarters."""
DEPTH = 40
"""Ancestors followed: deeper chains are made to tire us."""
TWIN_NS = 2_000_000_000
"""Sysmon and the Security log tell of the same start within this time."""
REACH_NS = 24 * 3600 * 1_000_000_000
"""How much older a parent may be that is known by its process id alone."""
NAMED_REACH_NS = 30 * REACH_NS
"""The same where the child names its parent's program too: services live long."""
SWEEP_NS = 3600 * 1_000_000_000
"""Event time between two looks for what may be forgotten."""

_time = attrgetter("time")


Order = tuple[int, bool, str, int, tuple[str, ...], tuple[int, int]]
Id = str | int
"""A process's own id, or its process id."""


def order(start: ProcessStart) -> Order:
    """Return what starts are sorted by: time, those with an id of their own last, place, ids."""
    texts = (start.guid or "", start.parent_guid or "", start.image or "", start.command_line or "")
    numbers = (start.pid or 0, start.parent_pid or 0)
    return start.time, start.guid is not None, start.file, start.position, texts, numbers


def in_order(starts: Iterable[ProcessStart]) -> list[ProcessStart]:
    """Return starts sorted by `order`: times mostly tell them apart, and are quicker to compare."""
    ordered = sorted(starts, key=_time)
    times = [start.time for start in ordered]
    return ordered if len(set(times)) == len(times) else sorted(ordered, key=order)


def ids_of(start: ProcessStart) -> set[Id]:
    """Return the ids by which it changes what is known: its own, and its parent's, whose child it is."""
    return {one for one in (start.guid, start.pid, start.parent_guid, start.parent_pid) if one is not None}


def process_key(start: ProcessStart) -> str:
    """Return a process's name within its device: its own id, else its process id and start."""
    return start.guid or f"{start.pid}@{start.time}"


@dataclass(slots=True)
class _Device:
    """The starts of one device in order; by their own id, and by process id.

    `children`, by the parent's own id or process id, is made when it is asked for.
    """

    ordered: list[ProcessStart] = field(default_factory=list)
    guids: dict[str, ProcessStart] = field(default_factory=dict)
    pids: dict[int, list[ProcessStart]] = field(default_factory=dict)
    children: dict[str | int | None, list[ProcessStart]] | None = None
    version: int = 0

    def add(self, start: ProcessStart) -> list[ProcessStart]:
        """Take in a start; return the one that is not kept where another event told of it too."""
        if self._holds(start):
            return []
        known = self.guids.get(start.guid) if start.guid else None
        if known is not None and order(known) <= order(start):
            return [start]  # the first telling stands
        if known is not None:
            _take_out(self.ordered, known)
            self._unlink(known)
        if start.guid:
            self.guids[start.guid] = start
        _put(self.ordered, start)
        if start.pid is not None:
            _put(self.pids.setdefault(start.pid, []), start)
        self._change()
        return [] if known is None else [known]

    def fill(self, starts: Iterable[ProcessStart]) -> list[ProcessStart]:
        """Take in starts where there are none yet; return those that are not kept, as `add` would."""
        gone = []
        for start in in_order(starts):
            if start.guid and self.guids.setdefault(start.guid, start) is not start:
                gone.append(start)
                continue
            self.ordered.append(start)
            if start.pid is not None:
                self.pids.setdefault(start.pid, []).append(start)
        self._change()
        return gone

    def forget(self, count: int) -> list[ProcessStart]:
        """Let go of the oldest, and return them."""
        gone = self.ordered[:count]
        del self.ordered[:count]
        self._let_go(gone)
        return gone

    def keep(self, kept: AbstractSet[int]) -> list[ProcessStart]:
        """Let go of all whose `id()` is not among these, and return them."""
        gone = [start for start in self.ordered if id(start) not in kept]
        self.ordered = [start for start in self.ordered if id(start) in kept]
        self._let_go(gone)
        return gone

    def started(self, by: str | int | None) -> Sequence[ProcessStart]:
        """Return what the process of this own id, or process id, started."""
        if self.children is None:
            self.children = {}
            for start in self.ordered:
                self.children.setdefault(start.parent_guid or start.parent_pid, []).append(start)
        return self.children.get(by, ())

    def _holds(self, start: ProcessStart) -> bool:
        if not self.ordered or self.ordered[-1].time < start.time or order(self.ordered[-1]) < order(start):
            return False
        at = bisect_left(self.ordered, order(start), key=order)
        return self.ordered[at : at + 1] == [start]

    def _let_go(self, gone: Sequence[ProcessStart]) -> None:
        for start in gone:
            self._unlink(start)
        if gone:
            self._change()

    def _unlink(self, start: ProcessStart) -> None:
        if start.guid and self.guids.get(start.guid) is start:
            del self.guids[start.guid]
        if start.pid is not None:
            _take_out(self.pids[start.pid], start)
            if not self.pids[start.pid]:
                del self.pids[start.pid]

    def _change(self) -> None:
        self.version += 1
        self.children = None


def _put(held: list[ProcessStart], start: ProcessStart) -> None:
    """Put a start where it belongs: mostly at the end."""
    if not held or held[-1].time < start.time or order(held[-1]) <= order(start):
        held.append(start)
    else:
        insort(held, start, key=order)


def _take_out(held: list[ProcessStart], start: ProcessStart) -> None:
    del held[bisect_left(held, order(start), key=order)]


class Processes:
    """A bounded table of process starts for each device."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Remember `limit` starts of each device."""
        self._limit = limit
        self._devices: dict[str, _Device] = {}
        self._size = 0
        self._swept = -(1 << 80)
        self._asked: set[Id] | None = None
        self.forgotten = 0
        """Starts given up for want of room."""

    def add(self, start: ProcessStart) -> list[ProcessStart]:
        """Remember a start; return those that are forgotten for it."""
        device = self._devices.get(start.device)
        if device is None:
            device = self._devices[start.device] = _Device()
        before = len(device.ordered)
        gone = device.add(start)
        self._size += len(device.ordered) - before
        if len(device.ordered) > self._limit + self._limit // 4:
            gone += self._thin(device, self._limit)
        return gone + self._thin_all() if self._size > TOTAL else gone

    def fill(self, starts: Collection[ProcessStart]) -> list[ProcessStart]:
        """Remember starts, each of them once, where none are remembered; return those that are forgotten again."""
        by_device: dict[str, list[ProcessStart]] = {}
        for start in starts:
            by_device.setdefault(start.device, []).append(start)
        if self._size or len(starts) > TOTAL or max(map(len, by_device.values()), default=0) > self._limit:
            return [one for start in sorted(starts, key=_time) for one in self.add(start)]
        gone: list[ProcessStart] = []
        for name, some in by_device.items():
            device = self._devices[name] = _Device()
            gone += device.fill(some)
            self._size += len(device.ordered)
        return gone

    def _thin(self, device: _Device, limit: int) -> list[ProcessStart]:
        gone = device.forget(max(0, len(device.ordered) - limit))
        self.forgotten += len(gone)
        self._size -= len(gone)
        return gone

    def _thin_all(self) -> list[ProcessStart]:
        """Let devices forget what they have beyond an equal share: who is loud must not make others forget."""
        room = TOTAL * 3 // 4
        sizes = sorted(len(device.ordered) for device in self._devices.values())
        share = 0
        for place, size in enumerate(sizes):
            share = room // (len(sizes) - place)
            if size > share:
                break
            room -= size
        if share == 0:
            return self._drop_devices()
        return [start for device in self._devices.values() for start in self._thin(device, share)]

    def _drop_devices(self) -> list[ProcessStart]:
        """Let go of whole devices, those first that were silent for longest: there are more of them than room."""
        gone: list[ProcessStart] = []
        for name in sorted(self._devices, key=lambda name: order(self._devices[name].ordered[-1])):
            if self._size <= TOTAL * 3 // 4:
                break
            gone += self._thin(self._devices.pop(name), 0)
        return gone

    def version(self, device: str) -> int:
        """Return a number that changes whenever what is known of a device's processes does."""
        return self._devices[device].version if device in self._devices else 0

    @contextmanager
    def listening(self) -> Iterator[set[Id]]:
        """Yield the ids that are asked for meanwhile: only starts that have one of them can change the answers."""
        asked: set[Id] = set()
        self._asked = asked
        try:
            yield asked
        finally:
            self._asked = None

    def find(self, device: str, guid: str | None, pid: int | None, time: int) -> ProcessStart | None:
        """Return the start of the process that has this id at a time (UTC ns), None if it was not seen."""
        self._ask(guid if guid is not None else pid)
        known = self._devices.get(device)
        if known is None:
            return None
        if guid is not None and guid in known.guids:
            return known.guids[guid]
        return None if guid is not None or pid is None else self._by_pid(known, pid, time)

    def until(self, start: ProcessStart) -> int | None:
        """Return when another process was seen to start with this one's process id (UTC ns), None if none was."""
        self._ask(start.pid or 0)
        held = self._devices[start.device].pids.get(start.pid or 0, [])
        at = bisect_right(held, start.time + TWIN_NS, key=_time)
        return held[at].time if at < len(held) else None

    def parent(self, start: ProcessStart) -> ProcessStart | None:
        """Return the start of a process's parent, None if it was not seen.

        A process id is used again: who had it last is the parent only if it is the program that the child names, or,
        where the child names none, if it started on the same day.
        """
        above = self.find(start.device, start.parent_guid, start.parent_pid, start.time)
        if above is None or start.parent_guid is not None:
            return above
        if start.parent_image is not None and above.image is not None:
            is_same, reach = base_name(start.parent_image) == base_name(above.image), NAMED_REACH_NS
        else:
            is_same, reach = True, REACH_NS
        return above if is_same and start.time - above.time <= reach else None

    def ancestors(self, start: ProcessStart) -> Iterator[ProcessStart]:
        """Yield parent, grandparent and so on, as far as they were seen."""
        seen = {id(start)}
        for _ in range(DEPTH):
            above = self.parent(start)
            if above is None or id(above) in seen:
                return
            seen.add(id(above))
            yield above
            start = above

    def children(self, start: ProcessStart) -> list[ProcessStart]:
        """Return what a process started, the oldest first."""
        known = self._devices[start.device]
        self._ask(start.guid)
        self._ask(start.pid)
        found = list(known.started(start.guid)) if start.guid else []
        if start.pid is not None:
            found += [child for child in known.started(start.pid) if self._is_child(child, start)]
        return sorted((child for child in found if not self._has_twin(known, child)), key=order)

    def _ask(self, one: Id | None) -> None:
        if self._asked is not None and one is not None:
            self._asked.add(one)

    def _is_child(self, child: ProcessStart, start: ProcessStart) -> bool:
        above = self.parent(child)
        return above is not None and process_key(above) == process_key(start)

    def _has_twin(self, known: _Device, start: ProcessStart) -> bool:
        """Return whether the same start is told by another event, with an id of its own."""
        if start.guid is not None or start.pid is None:
            return False
        self._ask(start.pid)
        twin = self._by_pid(known, start.pid, start.time)
        return twin is not None and twin.guid is not None

    def _by_pid(self, known: _Device, pid: int, time: int) -> ProcessStart | None:
        """Return who had a process id at a time; of two tellings of one start the one with an id of its own."""
        held = known.pids.get(pid, [])
        at = bisect_right(held, time + TWIN_NS, key=_time)
        if not at:
            return None
        last = held[at - 1]
        twins = [one for one in held[max(0, at - 4) : at] if last.time - one.time <= TWIN_NS and one.guid is not None]
        return last if last.guid is not None or not twins else twins[-1]

    def forget_before(self, time: int, needed: Iterable[ProcessStart]) -> list[ProcessStart]:
        """Forget starts before a time (UTC ns), and return them.

        Kept are the ancestors of later and of `needed` ones, and whoever had a process id last: it may still run.
        """
        if 0 <= time - self._swept < SWEEP_NS:
            return []
        self._swept = time
        gone: list[ProcessStart] = []
        wanted: dict[str, list[ProcessStart]] = {}
        for start in needed:
            wanted.setdefault(start.device, []).append(start)
        for name, device in self._devices.items():
            if not device.ordered or device.ordered[0].time >= time:
                continue
            holders = [held[-1] for held in device.pids.values()]
            roots = [*(start for start in device.ordered if start.time >= time), *wanted.get(name, ()), *holders]
            above = {id(one) for start in roots for one in self.ancestors(start)}
            gone += device.keep(above.union(map(id, roots)))
        for name in [name for name, device in self._devices.items() if not device.ordered]:
            del self._devices[name]
        self._size -= len(gone)
        return gone


class Tops:
    """The tops of process trees, each looked for once. Good while the table does not change."""

    def __init__(self, processes: Processes) -> None:
        """Look processes up in this table."""
        self.processes = processes
        self._known: dict[int, str | None] = {}

    def of(self, start: ProcessStart) -> str | None:
        """Return the key of the uppermost ancestor below those that start others on everybody's behalf.

        None where the process itself is one of those. Two processes have an ancestor of somebody's own in common
        just where their tops are the same. An ancestor whose start was not seen is known by what its child says of it.
        """
        if is_root(start.image):
            return None
        way: list[ProcessStart] = []
        met: dict[int, int] = {}
        """Where in `way` each stands."""
        top: str | None = None
        while True:
            if (known := self._known.get(id(start))) is not None:
                top = known
                break
            if id(start) in met:  # a circle, which only made-up events have
                top = min(process_key(one) for one in way[met[id(start)] :])
                break
            met[id(start)] = len(way)
            way.append(start)
            above = self.processes.parent(start)
            if above is None or is_root(above.image):
                is_own = above is None and start.parent_image is not None and not is_root(start.parent_image)
                top = start.parent_guid if is_own and start.parent_guid else process_key(start)
                break
            start = above
        self._known.update((id(one), top) for one in way)
        return top
