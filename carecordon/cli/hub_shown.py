"""What a hub says, as it is shown at a terminal: tables, states and one incident whole."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from carecordon.model.incident import Case
from carecordon.model.match import Level
from carecordon.model.notice import NoticeState
from carecordon.model.times import span_text
from carecordon.report.case_entries import cases
from carecordon.report.format import View
from carecordon.report.layout import BADGES, labelled, number
from carecordon.report.visible import shortened, visible

PIPE_WIDTH = 160
CELL_CHARS = 2_000
PLACES = 5
"""Devices that are named where an incident has one line."""
Row = dict[str, Any]
Columns = Sequence[tuple[str, str]]
"""The name in a row, and the heading."""


def screen() -> Console:
    """Return standard output: in colour and as wide as a terminal, or plain and wide for a pipe."""
    if sys.stdout.isatty():
        return Console(highlight=False, markup=False)
    width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    return Console(highlight=False, markup=False, width=width, force_terminal=False, color_system=None)


def table(rows: Iterable[Row], columns: Columns) -> Table:
    """Return rows as a table."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for _, heading in columns:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(cell(row.get(name), name) for name, _ in columns))
    return made


def cell(value: Any, name: str = "") -> Text:
    """Return one value, fit for a terminal."""
    if name == "level" and isinstance(value, str):
        return badge(value)
    return Text(shortened(visible(_text(value)), CELL_CHARS), overflow="fold")


def badge(level: str) -> Text:
    """Return a level in its colour."""
    known = next((one for one in Level if one.value == level), None)
    return Text(level, BADGES[known]) if known else Text(visible(level))


def moment(text: str | None) -> str:
    """Return a time to the second: `2026-11-27 12:00:00Z`."""
    return "never" if text is None else f"{text[:10]} {text[11:19]}Z"


def where(row: Row) -> str:
    """Return which devices an incident is on: the first few by their short names, and how many more."""
    names = [_short(name) for name in row["devices"][:PLACES]]
    more = row["devices_total"] - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def placed(row: Row) -> Row:
    """Return an incident as a list shows it: all its devices are told where it stands alone."""
    return row | {"devices": where(row)}


def stood(row: Row) -> Row:
    """Return an alert as a list shows it: of several devices' correlation, what its events have in common."""
    return row | {"where": row["device"] or row["entity"].rpartition("|")[0]}


def told_case(case: Case, width: int) -> Group:
    """Return an incident whole, as a scan tells it."""
    return Group(*cases([case], View(width=width)))


def status(told: Row) -> Iterable[RenderableType]:
    """Return how the hub is, part by part."""
    organisation, now = told["organisation"], told["now"]
    yield Text(f"{visible(organisation['name'])} ({visible(organisation['ods'])}), {moment(told['at'])}", style="bold")
    yield Text()
    yield labelled([(label, text) for label, text in _facts(told, now) if text])
    yield Text()
    yield table(map(_process, told["processes"]), PROCESSES)
    for row in told["processes"]:
        if row["fault"] and not row["is_alive"]:
            yield Text(f"{visible(row['name'])} {visible(row['fault'])}", style="yellow")
    if told["troubles"]:
        yield Text()
        yield Text("What is wrong", style="bold")
        rows = [{**one, "since": moment(one["since"])} for one in told["troubles"]]
        yield table(rows, (("since", "Since"), ("kind", "Kind"), ("device", "Device"), ("text", "What")))
        if told["troubles_are_cut"]:
            yield Text("  and more")


PROCESSES = (("name", "Process"), ("state", "State"), ("pid", "Number"), ("since", "Since"), ("rates", "A second"))
STATES = {"silent": "SILENT", "down": "DID NOT COME UP"}
"""What is to be seen at once."""


def _facts(told: Row, now: Row) -> list[tuple[str, str]]:
    devices, notices = told["devices"], told["notices"]
    lag = now["lag_s"]
    return [
        ("Agents online", _figure(now["agents_online"])),
        ("Events", f"{now['events_per_s']:,.0f} a second" if now["events_per_s"] is not None else "not known"),
        ("Lag", "not known" if lag is None else "none" if lag < 1 else span_text(lag)),
        ("Devices", _counts(devices) or "none is enrolled yet"),
        ("Incidents", _counts(told["incidents"]) or "none is open"),
        ("Notices", _counts(notices)),
        ("Nobody told", _untold(told)),
        ("Dead letters", number(told["dead_letters"], "waits", "wait") if told["dead_letters"] else ""),
    ]


def _untold(told: Row) -> str:
    """Return what became of notices that were given up, and what to do; '' where none was."""
    count, last = told["notices"].get(NoticeState.FAILED.value, 0), told["last_untold"]
    if not count or last is None:
        return ""
    which = number(count, "notice was given up", "notices were given up")
    return f"{which}, the last to {visible(last['receiver'])}: {visible(last['why'])} (carecordon hub notices)"


def _process(row: Row) -> Row:
    rates = ", ".join(f"{name} {rate:,.1f}" for name, rate in list(row["per_second"].items())[:6] if rate)
    return {
        "name": row["name"],
        "state": STATES.get(row["state"], row["state"]),
        "pid": row["pid"],
        "since": moment(row["started"]) if row["started"] else "",
        "rates": rates,
    }


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {visible(name)}" for name, count in counts.items() if count)


def _short(name: str) -> str:
    """Return the first label of a machine's name; an address, which has none, as it is."""
    first, _, _ = name.partition(".")
    return name if not first or first.isdecimal() else first


def _figure(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.0f}"


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_text, value))
        case dict():
            return ", ".join(f"{name}={_text(item)}" for name, item in value.items())
    return str(value)
