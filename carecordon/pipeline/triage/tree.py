"""The processes of an incident: those in which something matched, what started them and what they started."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from carecordon.model.incident import ProcessSeen
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.ordinary import is_root
from carecordon.pipeline.triage.processes import Processes
from carecordon.pipeline.triage.starts import order, process_key
from carecordon.pipeline.triage.unit import Unit

PROCESSES_TOLD = 400


class Tree:
    """Place the units of one incident, then take the tree of their processes."""

    def __init__(self, processes: Processes) -> None:
        """Look processes up in this table."""
        self._processes = processes
        self._matched: dict[str, ProcessStart] = {}
        self._unknown: dict[str, ProcessSeen] = {}

    def place(self, unit: Unit) -> str | None:
        """Return the key of the process that a unit stands in, None where its events name none."""
        told = unit.subject
        start = unit.process(self._processes)
        if start is not None:
            key = _key(start)
            self._matched[key] = start
            return key
        if told.guid is None and told.pid is None:
            return None
        key = f"{unit.device}|{told.guid or told.pid}"
        above = self._processes.find(unit.device, told.parent_guid, told.parent_pid, unit.first)
        if above is not None:
            self._matched.setdefault(_key(above), above)
        self._unknown[key] = ProcessSeen(
            key=key,
            parent=None if above is None else _key(above),
            device=unit.device,
            pid=told.pid,
            image=told.image,
            command_line=told.command_line,
            account=told.accounts[0] if told.accounts else None,
            start=None,
            is_context=False,
            logon=told.logons[0] if told.logons else None,
        )
        return key

    def told(self, devices: Sequence[str]) -> tuple[ProcessSeen, ...]:
        """Return the processes, device by device, each after its parent; past the bound only those that matched."""
        found: dict[str, ProcessStart] = dict(self._matched)
        for start in list(self._matched.values()):
            for above in self._processes.ancestors(start):
                if _key(above) in found:
                    break  # and so are its own
                found[_key(above)] = above
        waiting = deque(start for start in self._matched.values() if not is_root(start.image))
        while waiting and len(found) < PROCESSES_TOLD:
            for child in self._processes.children(waiting.popleft()):
                if len(found) < PROCESSES_TOLD and _key(child) not in found:
                    found[_key(child)] = child
                    waiting.append(child)
        rank = {device: place for place, device in enumerate(devices)}
        in_order = sorted(found.values(), key=lambda start: (rank.get(start.device, len(rank)), order(start)))
        seen = [self._seen(start, found) for start in in_order]
        return (*seen, *sorted(self._unknown.values(), key=lambda one: one.key))

    def _seen(self, start: ProcessStart, found: dict[str, ProcessStart]) -> ProcessSeen:
        above = self._processes.parent(start)
        parent = _key(above) if above is not None and _key(above) in found else None
        key = _key(start)
        return ProcessSeen(
            key=key,
            parent=parent,
            device=start.device,
            pid=start.pid,
            image=start.image,
            command_line=start.command_line,
            account=start.account,
            start=start.time,
            is_context=key not in self._matched,
            logon=start.logon,
            until=self._processes.until(start),
        )


def _key(start: ProcessStart) -> str:
    return f"{start.device}|{process_key(start)}"
