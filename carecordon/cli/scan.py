"""`carecordon scan`: which rules match which events in files, and what could not be seen."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

from carecordon.cli.options import (
    LogSourceOption,
    NoOwnRules,
    RulesOption,
    ValuesOption,
    bound_of,
    fail,
    tell_collections,
    values_of,
)
from carecordon.cli.progress import ScanProgress
from carecordon.model.errors import TheirFault
from carecordon.model.match import CorrelationMatch, Level, Match
from carecordon.model.result import Result
from carecordon.pipeline.ingest.times import Clockwork
from carecordon.report.format import Format, View
from carecordon.report.formats.csv import CSV
from carecordon.report.formats.jsonlines import JSONLINES
from carecordon.report.formats.terminal import TERMINAL
from carecordon.report.redact import Redactor
from carecordon.scan.cache import DiskCache
from carecordon.scan.rulebook import read_rulebook
from carecordon.scan.run import Progress, Scan
from carecordon.scan.walk import STDIN
from carecordon.scan.worker import Setup

CLEAN, FOUND, UNREAD, STOPPED = 0, 1, 3, 130
PIPE_WIDTH = 120


def scan(
    *,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Event files, archives, folders.")
    ] = None,
    rules: RulesOption = None,
    no_own_rules: NoOwnRules = False,
    values: ValuesOption = None,
    logsource: LogSourceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on standard output (docs/output.md).")] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the findings as CSV.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Leave earlier events alone.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Leave later events alone.")] = None,
    min_level: Annotated[
        Level | None, typer.Option(help="Show findings of this level and above; exit 1 only for those [default: low].")
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="TZ", help="Zone to show times in, e.g. Europe/London.")] = "UTC",
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace patients' and users' identifiers by tokens.")
    ] = False,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Processes to use [default: as the input's size asks].")
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read standard input too.")] = False,
) -> None:
    """Say which rules match which events in PATH..., and what could not be seen.

    Reads EVTX, JSON lines and arrays (Sysmon/NXLog, EVTX-JSON, Winlogbeat), Event Viewer XML, packed with gzip,
    zstd or zip. Exit status: 0 nothing found, 1 found, 2 wrong usage, 3 part of the input unreadable, 130 stopped.
    """
    if as_json and csv is not None:
        fail("--json and --csv exclude each other: choose one")
    named = [*(paths or ()), *([STDIN] if stdin else ())]
    if not named:
        fail("name at least one file or folder, or use --stdin")
    zone = _zone(timezone)
    first, last = _moment(since, "--from"), _moment(until, "--to")
    bound = bound_of(logsource)
    cache = DiskCache()
    try:
        book = read_rulebook(rules or (), cache, values_of(values), own=not no_own_rules)
    except TheirFault as fault:
        fail(str(fault))
    tell_collections(book.collections)
    setup = Setup(book.rules, cache, bound, first, last)
    result = _run(Scan(setup, tuple(sys.argv), cores), named)
    result = _redacted(result) if redact else result
    shown = result if min_level is None else replace(result, findings=AtLeast(result, min_level))
    highest = _write(shown, _format(as_json=as_json), zone)
    if csv is not None:
        _write_csv(shown, csv)
    raise typer.Exit(_status(result, highest, min_level or Level.LOW))


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The findings of a result at or above a level; may be read any number of times."""

    result: Result
    level: Level

    def __iter__(self) -> Iterator[Match | CorrelationMatch]:
        """Yield them."""
        return (found for found in self.result.findings if found.rule.level.rank >= self.level.rank)


@dataclass(frozen=True, slots=True)
class Redacted:
    """The findings of a result without identifiers; may be read any number of times."""

    result: Result
    redactor: Redactor

    def __iter__(self) -> Iterator[Match | CorrelationMatch]:
        """Yield them."""
        for found in self.result.findings:
            if isinstance(found, Match):
                yield self.redactor.match(found)
            else:
                yield self.redactor.correlation(found)


def _redacted(result: Result) -> Result:
    redactor = Redactor(secrets.token_bytes(32))
    for found in result.findings:  # names first, since one met late must be replaced early
        redactor.learn(found)
    return Result(redactor.begin(result.begin), Redacted(result, redactor), redactor.closing(result.closing))


def _run(scan: Scan, paths: list[str]) -> Result:
    console = Console(stderr=True)
    shown: list[ScanProgress] = []
    before = Progress()

    def show(now: Progress) -> None:
        nonlocal before
        if not shown:
            shown.append(ScanProgress(console, now.files_total, now.total_bytes).__enter__())
        shown[0].advance(
            size_bytes=now.read_bytes - before.read_bytes,
            files=now.files - before.files,
            events=now.events - before.events,
            matches=now.matches - before.matches,
        )
        before = replace(now)

    if console.is_terminal:
        scan.on_progress = show
    try:
        return scan.run(paths)
    finally:
        for progress in shown:
            progress.__exit__(None, None, None)


def _format(*, as_json: bool) -> Format:
    return JSONLINES if as_json else TERMINAL


def _write(result: Result, form: Format, zone: tzinfo) -> int:
    """Write the result to standard output; return the rank of the highest level in it, -1 if nothing was found."""
    highest = [-1]
    width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if sys.stdout.isatty() else PIPE_WIDTH
    counted = replace(result, findings=Counted(result, highest))
    out = sys.stdout.buffer
    for piece in form.tell(counted, View(width, zone)):
        out.write(piece.encode("utf-8", "backslashreplace"))
    out.flush()
    return highest[0]


@dataclass(frozen=True, slots=True)
class Counted:
    """The findings of a result; notes the highest level that went by."""

    result: Result
    highest: list[int]

    def __iter__(self) -> Iterator[Match | CorrelationMatch]:
        """Yield them."""
        for found in self.result.findings:
            self.highest[0] = max(self.highest[0], found.rule.level.rank)
            yield found


def _write_csv(result: Result, path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.writelines(CSV.tell(result, View()))
    except OSError as error:
        fail(f"{path}: cannot be written: {error.strerror}")


def _status(result: Result, highest: int, least: Level) -> int:
    summary = result.closing.summary
    if summary.partial:
        return STOPPED
    if summary.files_failed:
        return UNREAD
    return FOUND if highest >= least.rank else CLEAN


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fail(f"--timezone {name}: no such time zone; name one like Europe/London")


def _moment(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    moment = Clockwork().utc_ns(text if "T" in text or " " in text else f"{text}T00:00:00")
    if moment is None:
        fail(f"{option} {text}: not a time; write it like 2026-11-25T01:02:03Z (UTC without a zone)")
    return moment
