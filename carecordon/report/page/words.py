"""The small things that every part of the page says alike: levels, times, techniques, files, what is folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carecordon.model.match import Level
from carecordon.model.times import rfc3339, to_datetime
from carecordon.report.domains import Names
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.page.markup import Child, Safe, el, join
from carecordon.report.visible import shortened

CHIP_CHARS = 24
SHAPES = {
    Level.CRITICAL: "M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z",
    Level.HIGH: "M8 1 15.5 14.6H.5z",
    Level.MEDIUM: "M8 .6 15.4 8 8 15.4.6 8z",
    Level.LOW: "M8 1.4a6.6 6.6 0 1 0 0 13.2A6.6 6.6 0 0 0 8 1.4z",
    Level.INFORMATIONAL: "M2.5 5.8h11v4.4h-11z",
}
"""An octagon, a triangle, a diamond, a disc and a bar, in a square of 16."""


def sprite() -> Safe:
    """Return the shapes that `shape` uses; stands once, at the start of the page."""
    drawn = [
        el("symbol", el("path", d=path), id=f"s-{level.value}", viewBox="0 0 16 16") for level, path in SHAPES.items()
    ]
    return el("svg", *drawn, class_="sprite", width=0, height=0, aria_hidden="true", focusable="false")


def badge(level: Level) -> Safe:
    """Return a level as shape, colour and word."""
    drawn = el("svg", el("use", href=f"#s-{level.value}"), class_="shape", aria_hidden="true", focusable="false")
    return el("span", drawn, level.value, class_=f"badge l-{level.value}")


def stamp(time: int | None, view: View, class_: str | None = None) -> Safe:
    """Return a time with its date, to the second, in the reader's zone."""
    moment = None if time is None else to_datetime(time, view.zone)
    if moment is None:
        return el("span", "time unknown")
    text = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return el("time", text, datetime=rfc3339(time), class_=class_)


def clock(time: int, view: View) -> Safe:
    """Return a time of day to the second; the date stands somewhere above it."""
    moment = to_datetime(time, view.zone)
    return el("time", f"{moment:%H:%M:%S}", datetime=rfc3339(time)) if moment else el("span", "time unknown")


def day(time: int, view: View) -> str:
    """Return the date of a time in words: `Wednesday 25 November 2026`."""
    moment = to_datetime(time, view.zone)
    return f"{moment:%A} {moment.day} {moment:%B %Y}" if moment else "Date unknown"


def chip(technique: str) -> Safe:
    """Return an ATT&CK id as a small label; what is no such id is cut, so that it cannot widen the page."""
    return el("span", shortened(technique, CHIP_CHARS), class_="chip")


def chips(techniques: Iterable[str]) -> Safe | None:
    """Return ATT&CK ids as small labels; None if there are none."""
    made = [chip(technique) for technique in techniques]
    return el("span", join(made, " "), class_="chips") if made else None


def named(devices: Sequence[str], names: Names, shown: int) -> Safe:
    """Return the devices in a row, each unbroken where the line has room, and how many more there are."""
    called = [names.get(device, device) for device in devices[:shown]]
    rest = len(devices) - len(called)
    more = f" and {number(rest, 'other', 'others')}" if rest > 0 else ""
    made = (
        el("span", name, "," if place < len(called) else None, class_="name") for place, name in enumerate(called, 1)
    )
    return join([join(made, " "), more])


def prose(text: str) -> Safe:
    """Return a sentence with what stands in backticks set as code; a lone backtick stays as it is."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return join(el("code", part) if place % 2 else part for place, part in enumerate(parts))


def folded(count: int, one: str, many: str, where: str) -> Safe | None:
    """Return the line that stands for what is not shown, and says where it is whole; None if nothing is."""
    if count <= 0:
        return None
    return el("p", f"+ {number(count, one, many)} not shown here; all with ", el("code", where), ".", class_="more")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], class_: str = "") -> Safe:
    """Return a table whose first column heads its rows; on a narrow screen each row becomes a block.

    The roles stand there since a browser forgets what a table is once it is set as blocks.
    """
    head = [el("th", text, scope="col", role="columnheader") for text in heads]
    return el(
        "table",
        el("caption", caption),
        el("thead", el("tr", *head, role="row"), role="rowgroup"),
        el("tbody", *(_row(heads, row) for row in rows), role="rowgroup"),
        role="table",
        class_=f"stack {class_}".strip(),
    )


def _row(heads: Sequence[str], row: Sequence[Child]) -> Safe:
    first = el("th", row[0], scope="row", role="rowheader", data_label=heads[0])
    rest = (el("td", cell, role="cell", data_label=head) for head, cell in zip(heads[1:], row[1:], strict=True))
    return el("tr", first, *rest, role="row")


def section(anchor: str, title: str, *content: Child) -> Safe:
    """Return a part of the page under a heading of the second rank."""
    heading = el("h2", title, id=f"{anchor}-title", tabindex="-1")
    return el("section", heading, *content, id=anchor, aria_labelledby=f"{anchor}-title")
