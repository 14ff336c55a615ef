"""The processes of an incident as trees: each behind what started it, the trees of one device together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carecordon.model.incident import ProcessSeen

DEEPEST = 30
"""Processes further from their root than this stand at this depth, behind one another."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One process in its tree; `rails` says for each depth down to its own whether a sibling follows there."""

    process: ProcessSeen
    depth: int
    rails: tuple[bool, ...]


def forest(processes: Sequence[ProcessSeen]) -> dict[str, list[Branch]]:
    """Return all processes by device, each once and before what it started, siblings by their start.

    A parent that is not there, is on another device, or is its own descendant makes its child a root.
    """
    children, roots = _families(processes)
    found: dict[str, list[Branch]] = {process.device: [] for process in processes}
    met: set[int] = set()
    for number in [*roots, *range(len(processes))]:  # the second part for those that go in circles
        for branch in _tree(number, processes, children, met):
            found[branch.process.device].append(branch)
    return {device: list(_railed(branches)) for device, branches in found.items()}


def _families(processes: Sequence[ProcessSeen]) -> tuple[dict[int, list[int]], list[int]]:
    """Return who started whom, and who was started by nobody, as numbers of processes in the order of their start."""
    numbers: dict[tuple[str, str], int] = {}
    for number, process in enumerate(processes):
        numbers.setdefault((process.device, process.key), number)
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    for number in sorted(range(len(processes)), key=lambda number: _start(processes[number])):
        process = processes[number]
        parent = None if process.parent is None else numbers.get((process.device, process.parent))
        (roots if parent is None else children.setdefault(parent, [])).append(number)
    return children, roots


def _start(process: ProcessSeen) -> tuple[bool, int]:
    return process.start is None, process.start or 0


def _tree(
    root: int, processes: Sequence[ProcessSeen], children: dict[int, list[int]], met: set[int]
) -> Iterator[Branch]:
    waiting = [(root, 0)]
    while waiting:
        number, depth = waiting.pop()
        if number in met:
            continue
        met.add(number)
        yield Branch(processes[number], min(depth, DEEPEST), ())
        waiting.extend((child, depth + 1) for child in reversed(children.get(number, [])))


def _railed(branches: list[Branch]) -> Iterator[Branch]:
    """Yield the branches with their rails, which only those behind them tell."""
    follows: list[tuple[bool, ...]] = []
    open_at: set[int] = set()
    for branch in reversed(branches):
        follows.append(tuple(depth in open_at for depth in range(branch.depth + 1)))
        open_at = {depth for depth in open_at if depth < branch.depth} | {branch.depth}
    for branch, rails in zip(branches, reversed(follows), strict=True):
        yield Branch(branch.process, branch.depth, rails)


def base_name(path: str) -> str:
    r"""Return the last part of a path with `\` or `/`, or the path where there is no such part."""
    return path.replace("/", "\\").rstrip("\\").rpartition("\\")[2] or path
