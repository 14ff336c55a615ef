"""The process starts of one device, in order, by their ids; and what tells starts apart."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from operator import attrgetter

from carecordon.model.process import ProcessStart

by_time = attrgetter("time")


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
    ordered = sorted(starts, key=by_time)
    times = [start.time for start in ordered]
    return ordered if len(set(times)) == len(times) else sorted(ordered, key=order)


def ids_of(start: ProcessStart) -> set[Id]:
    """Return the ids by which it changes what is known: its own, and its parent's, whose child it is."""
    return {one for one in (start.guid, start.pid, start.parent_guid, start.parent_pid) if one is not None}


def process_key(start: ProcessStart) -> str:
    """Return a process's name within its device: its own id, else its process id and start."""
    return start.guid or f"{start.pid}@{start.time}"


@dataclass(slots=True)
class DeviceStarts:
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
            if start.guid and start.guid in self.guids:
                gone.append(start)
                continue
            self.ordered.append(start)
            self._link(start)
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
        if len(gone) > len(self.ordered):
            self._relink()
        else:
            for start in gone:
                self._unlink(start)
        if gone:
            self._change()

    def _relink(self) -> None:
        """Look up all anew: quicker than to take out the most of them, one by one."""
        self.guids, self.pids = {}, {}
        for start in self.ordered:
            self._link(start)

    def _link(self, start: ProcessStart) -> None:
        """Let a start be found by its ids; it comes after all others."""
        if start.guid:
            self.guids[start.guid] = start
        if start.pid is not None:
            self.pids.setdefault(start.pid, []).append(start)

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
