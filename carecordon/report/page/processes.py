"""The process trees of an incident: nested lists by device, in which a branch can be closed."""

from __future__ import annotations

from carecordon.model.incident import Alert, Incident, ProcessSeen
from carecordon.model.match import Level
from carecordon.report.domains import Names
from carecordon.report.forest import Branch, base_name, forest
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.page.bounds import TEXT_CHARS, Bounds
from carecordon.report.page.markup import Safe, el
from carecordon.report.page.words import badge, folded, stamp
from carecordon.report.visible import shortened

DEEP = 8
"""Lists further in than this are hardly set in any more."""
OPEN_AT_FIRST = 2
"""Devices whose trees are open; a click opens the others."""


def processes(incident: Incident, names: Names, view: View, bounds: Bounds) -> list[Safe | None]:
    """Return the trees, device by device, and what is folded away."""
    worst = _worst(incident.alerts)
    left = bounds.processes
    made: list[Safe | None] = []
    trees = forest(incident.processes)
    for place, device in enumerate(sorted(trees, key=lambda device: -_rank(trees[device], worst))):
        shown = trees[device][:left]
        left -= len(shown)
        if shown:
            head = el(
                "summary",
                el("strong", names.get(device, device)),
                f" {number(len(trees[device]), 'process', 'processes')}",
            )
            made.append(el("details", head, _tree(shown, worst, view), class_="tree", open=place < OPEN_AT_FIRST))
    made.append(folded(len(incident.processes) - bounds.processes, "more process", "more processes", "--json"))
    return made


def _worst(alerts: tuple[Alert, ...]) -> dict[str, Level]:
    found: dict[str, Level] = {}
    for alert in alerts:
        if alert.process is not None and (level := alert.rule.level).rank >= found.get(alert.process, level).rank:
            found[alert.process] = level
    return found


def _rank(branches: list[Branch], worst: dict[str, Level]) -> int:
    return max((worst[branch.process.key].rank for branch in branches if branch.process.key in worst), default=-1)


def _tree(branches: list[Branch], worst: dict[str, Level], view: View) -> Safe:
    """Return nested lists; built from the last branch to the first, so that each finds its children ready."""
    ready: dict[int, list[Safe]] = {}
    for branch in reversed(branches):
        below = ready.pop(branch.depth + 1, [])
        item = el("li", _process(branch.process, worst, view), _list(below, branch.depth + 1) if below else None)
        ready.setdefault(branch.depth, []).append(item)
    return _list(ready.get(0, []), 0)


def _list(items: list[Safe], depth: int) -> Safe:
    return el("ul", *reversed(items), class_="deep" if depth > DEEP else None)


def _process(process: ProcessSeen, worst: dict[str, Level], view: View) -> Safe:
    name = base_name(process.image) if process.image else "program not known"
    about = [
        el("strong", name, class_="image"),
        None if process.pid is None else el("span", f" pid {process.pid}", class_="soft"),
        None if process.account is None else el("span", f" as {process.account}", class_="soft"),
        None if process.start is None else el("span", " from ", stamp(process.start, view), class_="soft"),
    ]
    level = worst.get(process.key)
    mark = None if level is None else el("span", " ", badge(level))
    line = process.command_line or process.image
    code = None if line is None else el("code", shortened(line, TEXT_CHARS), class_="line")
    return el("div", *about, mark, code, class_="process context" if process.is_context else "process")
