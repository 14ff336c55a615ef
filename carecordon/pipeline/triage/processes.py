"""The processes of devices, as their starts were seen: who is whose parent, also where only process ids say so.

Bounded for each device, the oldest forgotten first. What is answered depends on the starts
that are known, not on the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.ordinary import base_name, is_root
from carecordon.pipeline.triage.starts import DeviceStarts, Id, by_time, order, process_key

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
NEVER = -(1 << 80)


class Asleep(Protocol):
    """Starts that are known and not read yet: those of a device are when it is asked for."""

    def count(self) -> int:
        """Return how many there are."""

    def of(self, device: str) -> list[ProcessStart]:
        """Return those of one device. Raises Damaged where one cannot be read."""

    def all(self) -> list[ProcessStart]:
        """Return those of all devices. Raises Damaged where one cannot be read."""


class Processes:
    """A bounded table of process starts for each device."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Remember `limit` starts of each device."""
        self._limit = limit
        self._devices: dict[str, DeviceStarts] = {}
        self._size = 0
        self._swept = NEVER
        self._asked: set[Id] | None = None
        self._asleep: Asleep | None = None
        self._awake: set[str] = set()
        """The devices that have been asked for since, where others are asleep."""
        self._surplus: list[ProcessStart] = []
        """What was not kept of those that were woken."""
        self.forgotten = 0
        """Starts given up for want of room."""

    def add(self, start: ProcessStart) -> list[ProcessStart]:
        """Remember a start; return those that are forgotten meanwhile."""
        device = self._device(start.device)
        if device is None:
            device = self._devices[start.device] = DeviceStarts()
        before = len(device.ordered)
        gone = [*self._told_surplus(), *device.add(start)]
        self._size += len(device.ordered) - before
        if len(device.ordered) > self._limit + self._limit // 4:
            gone += self._thin(device, self._limit)
        return gone + self._thin_all() if self._size > TOTAL else gone

    def fill(self, starts: Collection[ProcessStart]) -> list[ProcessStart]:
        """Remember starts, each of them once, where none are remembered; return those that are forgotten again."""
        by_device = _by_device(starts)
        if self._size or len(starts) > TOTAL or max(map(len, by_device.values()), default=0) > self._limit:
            return [one for start in sorted(starts, key=by_time) for one in self.add(start)]
        gone: list[ProcessStart] = []
        for name, some in by_device.items():
            device = self._devices[name] = DeviceStarts()
            gone += device.fill(some)
            self._size += len(device.ordered)
        return gone

    def sleep(self, asleep: Asleep) -> list[ProcessStart]:
        """Know these, where none are known; return those that are forgotten again.

        They are not read yet, unless there is no room for all.
        """
        size = asleep.count()
        if self._size or size > TOTAL:
            return self.fill(asleep.all())
        if size:
            self._asleep, self._size = asleep, size
        return []

    def _device(self, name: str) -> DeviceStarts | None:
        """Return what is known of a device."""
        if self._asleep is not None and name not in self._awake:
            self._wake(name, self._asleep.of(name))
        return self._devices.get(name)

    def _wake(self, name: str, starts: Collection[ProcessStart]) -> None:
        self._awake.add(name)
        if starts:
            device = self._devices[name] = DeviceStarts()
            surplus = device.fill(starts)
            self._size -= len(surplus)
            self._surplus += surplus

    def _wake_all(self) -> None:
        if self._asleep is None:
            return
        every, self._asleep = self._asleep.all(), None
        for name, starts in _by_device(every).items():
            if name not in self._awake:
                self._wake(name, starts)
        self._awake.clear()

    def _told_surplus(self) -> list[ProcessStart]:
        surplus, self._surplus = self._surplus, []
        return surplus

    def _thin(self, device: DeviceStarts, limit: int) -> list[ProcessStart]:
        gone = device.forget(max(0, len(device.ordered) - limit))
        self.forgotten += len(gone)
        self._size -= len(gone)
        return gone

    def _thin_all(self) -> list[ProcessStart]:
        """Let devices forget what they have beyond an equal share: who is loud must not make others forget."""
        self._wake_all()
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
        known = self._device(device)
        return 0 if known is None else known.version

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
        known = self._device(device)
        if known is None:
            return None
        if guid is not None and guid in known.guids:
            return known.guids[guid]
        return None if guid is not None or pid is None else self._by_pid(known, pid, time)

    def until(self, start: ProcessStart) -> int | None:
        """Return when another process was seen to start with this one's process id (UTC ns), None if none was."""
        self._ask(start.pid or 0)
        held = self._devices[start.device].pids.get(start.pid or 0, [])
        at = bisect_right(held, start.time + TWIN_NS, key=by_time)
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

    def _has_twin(self, known: DeviceStarts, start: ProcessStart) -> bool:
        """Return whether the same start is told by another event, with an id of its own."""
        if start.guid is not None or start.pid is None:
            return False
        self._ask(start.pid)
        twin = self._by_pid(known, start.pid, start.time)
        return twin is not None and twin.guid is not None

    def _by_pid(self, known: DeviceStarts, pid: int, time: int) -> ProcessStart | None:
        """Return who had a process id at a time; of two tellings of one start the one with an id of its own."""
        held = known.pids.get(pid, [])
        at = bisect_right(held, time + TWIN_NS, key=by_time)
        if not at:
            return None
        last = held[at - 1]
        twins = [one for one in held[max(0, at - 4) : at] if last.time - one.time <= TWIN_NS and one.guid is not None]
        return last if last.guid is not None or not twins else twins[-1]

    def forget_before(self, time: int, needed: Iterable[ProcessStart]) -> list[ProcessStart]:
        """Forget starts before a time (UTC ns), and return them.

        Where others are asleep, who looked before has just done so: not the first time that it is asked for.
        Kept are the ancestors of later and of `needed` ones, and whoever had a process id last: it may still run.
        """
        if self._asleep is not None and self._swept == NEVER:
            self._swept = max(time, NEVER)
            return []
        if 0 <= time - self._swept < SWEEP_NS:
            return []
        self._swept = time
        self._wake_all()
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
        return gone + self._told_surplus()


def _by_device(starts: Iterable[ProcessStart]) -> dict[str, list[ProcessStart]]:
    found: dict[str, list[ProcessStart]] = {}
    for start in starts:
        found.setdefault(start.device, []).append(start)
    return found


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
