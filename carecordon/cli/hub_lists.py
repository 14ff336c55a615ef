"""Lists as commands give them: a table at a terminal, JSON lines or CSV for a program, and that there is more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from carecordon.cli.hub_line import REFUSED, STOPPED, Answered, Line, Query
from carecordon.cli.hub_shown import Columns, Row, moment, screen, table
from carecordon.cli.options import fail, say
from carecordon.hub.config import Paths
from carecordon.model.device import Standing
from carecordon.report.visible import visible_json

AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV on standard output.")]
TIMES = frozenset(
    ("first", "last", "known", "changed", "last_seen", "enrolled", "expires", "at", "made", "time", "last_received")
)
BY_SETTINGS = "hub.toml"
"""Stands in the reason of an answer that the hub's settings cut: no option gives more."""
SAME = 100
"""Devices of one name that are listed."""
Most = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="No more rows than this.")]


def paths_of(data: Path) -> Paths:
    """Return where the hub lies; its keys are not asked for on the socket."""
    return Paths(data, data)


def form_of(as_json: bool, as_csv: bool = False) -> str:
    """Return the form that is asked for, by the name that the API gives it."""
    if as_json and as_csv:
        fail("--json and --csv exclude each other: choose one")
    return "jsonl" if as_json else "csv" if as_csv else "json"


def list_rows(
    line: Line,
    path: str,
    query: Query,
    columns: Columns,
    form: str,
    nothing: str,
    shown: Callable[[Row], Row] = lambda row: row,
    *,
    order: Callable[[list[Row]], list[Row]] = list,
    hint: str = "--limit",
) -> None:
    """Write what the hub lists; `nothing` is said where there is none.

    `shown` makes a row fit for a table, `order` all of them together; `hint` names the options that give more, ''
    where the answer itself says what does.
    """
    if form != "json":
        answered = line.answered(path, query, None, form)
        write_out(answered.data)
        tell_cut(answered, hint)
        return
    rows, answered = line.rows(path, query)
    out = screen()
    if rows:
        out.print(table((timed(shown(row)) for row in order(rows)), columns))
    elif not answered.cut:
        out.print(nothing)
    tell_cut(answered, hint)


def tell_cut(answered: Answered, hint: str) -> None:
    """Say why an answer is not whole; ends the command with status 3 where the hub stopped the question."""
    if answered.cut.startswith(STOPPED):
        say(f"the answer was cut: {answered.cut}")
        raise typer.Exit(REFUSED)
    if answered.cut:
        after = f"--after {answered.after} for those behind these" if answered.after else ""
        ways = ", or ".join(filter(None, ("" if BY_SETTINGS in answered.cut else hint, after)))
        say(f"there are more: {answered.cut}{f' ({ways})' if ways else ''}")


def is_device(line: Line, name: str) -> bool:
    """Return whether a device has this id."""
    rows, _ = line.rows("/devices", {"name": name, "limit": 1})
    return bool(rows) and rows[0]["id"] == name


def device_of(line: Line, name: str) -> str | None:
    """Return the id of a device by its id or, where none has it, its name; None where there is none.

    One that is revoked gives way to one of its name that is not. Ends the command with status 2 where several have it.
    """
    rows, answered = line.rows("/devices", {"name": name, "limit": SAME})
    if any(row["id"] == name for row in rows):
        return name
    found = [row for row in rows if row["standing"] != Standing.REVOKED.value] or rows[:1]
    if len(found) > 1 or answered.cut:
        told = [f"{row['id']} ({row['standing']}, last seen {moment(row['last_seen'])})" for row in found]
        more = ", and more" if answered.cut else ""
        fail(f"several devices have the name {name}; name one by its id: {', '.join(told)}{more}")
    return found[0]["id"] if found else None


def timed(row: Row) -> Row:
    """Return a row with its times to the second."""
    return {name: moment(value) if name in TIMES else value for name, value in row.items()} | {
        name: moment(row[name]) if row[name] else "" for name in ("revoked", "gone") if name in row
    }


def write_out(data: bytes) -> None:
    """Write what the hub answered as it is, with the end of its last line; on a terminal, nothing that steers it."""
    if sys.stdout.isatty():
        data = visible_json(data)
    sys.stdout.buffer.write(data if not data or data.endswith(b"\n") else data + b"\n")
    sys.stdout.buffer.flush()
