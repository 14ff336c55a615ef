"""Lists as commands give them: a table at a terminal, JSON lines or CSV for a program, and that there is more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from carecordon.cli.hub_line import REFUSED, Line, Query
from carecordon.cli.hub_shown import Columns, Row, moment, screen, table
from carecordon.cli.options import fail, say
from carecordon.hub.config import Paths
from carecordon.report.visible import visible_json
from carecordon.telemetry.answer import STOPPED

AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV on standard output.")]
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
) -> None:
    """Write what the hub lists; `nothing` is said where there is none. `shown` makes a row fit for a table."""
    if form != "json":
        found, cut = line.written(path, query, None, form)
        write_out(found)
        tell_cut(cut)
        return
    rows, cut = line.rows(path, query)
    out = screen()
    if rows:
        out.print(table((timed(shown(row)) for row in rows), columns))
    elif not cut:
        out.print(nothing)
    tell_cut(cut)


def tell_cut(cut: str) -> None:
    """Say why an answer is not whole; ends the command with status 3 where the hub stopped the question."""
    if cut.startswith(STOPPED):
        say(f"the answer was cut: {cut}")
        raise typer.Exit(REFUSED)
    if cut:
        say(f"there are more: {cut} (--limit)")


def timed(row: Row) -> Row:
    """Return a row with its times to the second."""
    times = ("first", "last", "known", "changed", "last_seen", "enrolled", "expires", "at", "made")
    return {name: moment(value) if name in times else value for name, value in row.items()} | {
        name: moment(row[name]) if row[name] else "" for name in ("revoked", "gone") if name in row
    }


def write_out(data: bytes) -> None:
    """Write what the hub answered as it is; on a terminal, nothing that steers it."""
    if sys.stdout.isatty():
        data = visible_json(data)
    sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
    sys.stdout.buffer.flush()
