"""The few shapes that a page for a terminal is set in, and how it writes numbers, names and times."""

from __future__ import annotations

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from carecordon.model.match import Level
from carecordon.model.times import to_datetime
from carecordon.report.format import View
from carecordon.report.visible import visible

NARROW = 80
"""Below this many columns a label stands above its text instead of beside it."""
BADGES = {
    Level.CRITICAL: "bold white on red",
    Level.HIGH: "bold red",
    Level.MEDIUM: "bold yellow",
    Level.LOW: "bold cyan",
    Level.INFORMATIONAL: "bold",
}


def is_narrow(view: View) -> bool:
    """Say whether labels stand above their texts."""
    return view.width < NARROW


def set_in(indent: int, what: RenderableType) -> RenderableType:
    """Return the piece with all its lines set in."""
    return Padding(what, (0, 0, 0, indent))


def hanging(mark: str, text: Text, gap: int = 1) -> RenderableType:
    """Return the text behind a mark, its later lines set in under its first."""
    grid = Table.grid(padding=(0, gap, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark), text)
    return grid


def more(indent: int, text: str) -> RenderableType:
    """Return the line that stands for what is not shown."""
    return set_in(indent, hanging("+", Text(text, style="italic")))


def labelled(pairs: list[tuple[str, str]]) -> RenderableType:
    """Return labels and their texts side by side; a text breaks anywhere, for a path or a command line has no words."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    for label, text in pairs:
        grid.add_row(Text(label, style="cyan"), Text(text, overflow="fold"))
    return grid


def number(count: int, one: str, many: str) -> str:
    """Return a count with the right form of its word."""
    return f"{count:,} {one if count == 1 else many}"


def name(text: str | None) -> Text:
    """Return a name from outside, fit for a terminal; or that there is none."""
    return Text(visible(text) if text else "(not named)")


def time_text(time: int | None, view: View) -> str:
    """Return a time (UTC ns) to the second in the reader's zone, with `Z` or its offset."""
    moment = None if time is None else to_datetime(time, view.zone)
    if moment is None:
        return "time unknown"
    text = moment.isoformat(sep=" ", timespec="seconds")
    return text.replace("+00:00", "Z") if str(view.zone) == "UTC" else text
