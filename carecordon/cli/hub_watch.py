"""A hub as it goes, live at a terminal: agents, events, lag, and incidents as they appear, each in a line or two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from carecordon.cli.hub_shown import badge, moment, where
from carecordon.model.match import Level
from carecordon.model.times import span_text
from carecordon.report.layout import number
from carecordon.report.visible import shortened, visible

SHOWN = 12
"""Incidents on the screen, the gravest first, then the latest changed; all of them: `carecordon hub incidents`."""
TOLD_FROM = Level.MEDIUM
"""Incidents below this stand in one line, without their story."""
TROUBLES = 3
STORY_CHARS = 300
PLAIN_EVERY_S = 10.0
"""Without a terminal the figures are told so often; incidents as they come."""
STATES = (
    ("down", "did not come up", "bold red"),
    ("silent", "not speaking", "bold red"),
    ("starting", "starting", "yellow"),
)
Row = dict[str, Any]


@dataclass(slots=True)
class Scene:
    """What is on the screen: the latest figures, and the incidents by their numbers in order of change."""

    status: Row = field(default_factory=dict)
    incidents: dict[int, Row] = field(default_factory=dict)
    seen: int = 0

    def take(self, line: Row) -> None:
        """Take in a line of the hub's."""
        if line.get("type") == "status":
            self.status = line
        elif line.get("type") == "incident":
            known = self.incidents.pop(line["number"], None)
            self.seen += known is None
            self.incidents[line["number"]] = line
            while len(self.incidents) > SHOWN:
                ranks = {number: Level(row["level"]).rank for number, row in self.incidents.items()}
                del self.incidents[min(ranks, key=ranks.__getitem__)]  # of the least grave the one that changed first


def watch(lines: Iterator[Row], screen: Console, seconds: float | None) -> None:
    """Show what the hub says until it ends, or for so many seconds."""
    end = None if seconds is None else time.monotonic() + seconds
    if screen.is_terminal:
        _watch_live(lines, screen, end)
    else:
        _watch_plain(lines, screen, end)


def _watch_live(lines: Iterator[Row], screen: Console, end: float | None) -> None:
    scene = Scene()
    with Live(console=screen, refresh_per_second=4, screen=False) as live:
        for line in lines:
            scene.take(line)
            live.update(picture(scene))
            if end is not None and time.monotonic() >= end:
                return


def _watch_plain(lines: Iterator[Row], screen: Console, end: float | None) -> None:
    told = -PLAIN_EVERY_S
    known: dict[int, int] = {}
    for line in lines:
        if line.get("type") == "incident":
            if known.get(line["number"]) != line["version"]:  # a view that begins anew tells of the last minutes again
                screen.print(in_a_line(line), soft_wrap=True)
            known[line["number"]] = line["version"]
        elif time.monotonic() - told >= PLAIN_EVERY_S:
            told = time.monotonic()
            screen.print(figures(line), soft_wrap=True)
        if end is not None and time.monotonic() >= end:
            return


def picture(scene: Scene) -> RenderableType:
    """Return the whole screen."""
    if not scene.status:
        return Text("waiting for the hub's first word")
    parts: list[RenderableType] = [_head(scene.status), figures(scene.status)]
    for state, words, style in STATES:
        names = [visible(row["name"]) for row in scene.status["processes"] if row["state"] == state]
        if names:
            parts.append(Text(f"{words}: {', '.join(names)}", style=style))
    troubles = scene.status["troubles"][:TROUBLES]
    parts += [Text(shortened(visible(one["text"]), STORY_CHARS), style="yellow") for one in troubles]
    parts.append(Text())
    if not scene.incidents:
        parts.append(Text("No incident since this view began."))
    latest = list(reversed(scene.incidents.values()))
    parts += [_told(row) for row in sorted(latest, key=lambda row: -Level(row["level"]).rank)]
    return Group(*parts)


def figures(status: Row) -> Text:
    """Return agents, events, lag and incidents in one line."""
    now = status["now"]
    lag = now["lag_s"]
    told = [
        f"agents online {_figure(now['agents_online'])}",
        f"events/s {_figure(now['events_per_s'])}",
        f"lag {'?' if lag is None else 'none' if lag < 1 else span_text(lag)}",
        f"open incidents {sum(status['incidents'].values()):,}",
    ]
    return Text("   ".join(told))


def in_a_line(row: Row) -> Text:
    """Return an incident in one line."""
    devices = number(row["devices_total"], "device", "devices")
    return Text.assemble(
        f"{moment(row['last'])}  #{row['number']} ",
        badge(row["level"]),
        f"  {visible(row['title'])} ({devices}: {visible(where(row))})  ",
        shortened(visible(row["summary"]), STORY_CHARS),
    )


def _head(status: Row) -> Text:
    organisation = status["organisation"]
    return Text(f"{visible(organisation['name'])}   {moment(status['at'])}", style="bold")


def _told(row: Row) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    devices = number(row["devices_total"], "device", "devices")
    grid.add_row(
        Text(f"#{row['number']}"),
        badge(row["level"]),
        Text.assemble(
            (visible(row["title"]), "bold"),
            f"  {devices}: {visible(where(row))}  {moment(row['last'])}",
            (_summary(row), "dim"),
        ),
    )
    return grid


def _summary(row: Row) -> str:
    if Level(row["level"]).rank < TOLD_FROM.rank:
        return ""
    return "\n" + shortened(visible(row["summary"]), STORY_CHARS)


def _figure(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"
