"""`carecordon scan`: which rules match which events in files, and what could not be seen."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, tzinfo
from importlib import resources
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

from carecordon.cli.files import Sheet, check_new, write
from carecordon.cli.options import (
    CLEAN,
    FOUND,
    STOPPED,
    UNREAD,
    USAGE,
    LogSourceOption,
    NoOwnRules,
    RulesOption,
    ValuesOption,
    bound_of,
    fail,
    moment_of,
    own_or_named,
    say,
    tell_book,
    values_of,
)
from carecordon.cli.progress import ScanProgress
from carecordon.cli.shown import Counted, at_least, redacted
from carecordon.model.errors import TheirFault
from carecordon.model.match import Level
from carecordon.model.result import Result
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import Rulebook, read_rulebook
from carecordon.pipeline.triage.disk.assets import read_assets
from carecordon.pipeline.triage.score import Asset
from carecordon.report import story
from carecordon.report.format import View
from carecordon.report.formats import terminal
from carecordon.report.formats.csv import CSV
from carecordon.report.formats.html import HTML
from carecordon.report.formats.jsonlines import JSONLINES
from carecordon.report.formats.navigator import NAVIGATOR
from carecordon.report.formats.timeline import TIMELINE
from carecordon.report.redact import Redactor
from carecordon.report.story.catalogue import words_of
from carecordon.report.story.words import Words
from carecordon.report.visible import visible_json
from carecordon.scan.run import Progress, Scan
from carecordon.scan.walk import STDIN
from carecordon.scan.worker import Setup

CATALOGUE = "words.toml"
FORMS = {"--csv": CSV, "--html": HTML, "--timeline": TIMELINE, "--navigator": NAVIGATOR}
WRITE_BYTES = 1 << 16
"""What is written to standard output at a time, at least."""
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
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the findings as CSV too, into a new file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report for a browser: one page, whole in itself.")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all events of the incidents as CSV, in time order.")
    ] = None,
    navigator: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the techniques as a layer for the ATT&CK Navigator.")
    ] = None,
    devices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV of device, class, impact (S0 to S3): what must not be cut off unasked."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Leave earlier events alone; UTC unless it names a zone."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Leave later events alone; a date means its whole day.")
    ] = None,
    min_level: Annotated[
        Level | None, typer.Option(help="Show findings of this level and above; exit 1 only for those (default: low).")
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="TZ", help="Zone to show times in, e.g. Europe/London.")] = "UTC",
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace patients' and users' identifiers by tokens.")
    ] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Show incidents and counts, not the matches.")] = False,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Processes to use (default: as the input's size asks).")
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read standard input too.")] = False,
) -> None:
    """Say what happened in the events in PATH...: incidents, the rules that match, and what could not be seen.

    Reads EVTX, JSON lines and arrays (Sysmon/NXLog, EVTX-JSON, Winlogbeat), Event Viewer XML, packed with gzip,
    zstd or zip. Exit status: 0 nothing found, 1 found, 2 wrong usage, 3 part of the input unreadable or no rule ran,
    130 stopped.
    """
    if as_json and csv is not None:
        fail("--json and --csv exclude each other: choose one")
    named = [*(paths or ()), *([STDIN] if stdin and STDIN not in (paths or ()) else ())]
    if not named:
        fail("name at least one file or folder, or use --stdin")
    zone = _zone(timezone)
    first, last = moment_of(since, "--from"), moment_of(until, "--to", is_end=True)
    if first is not None and last is not None and first > last:
        fail(f"--from {since} is later than --to {until}: no event can be between them")
    bound = bound_of(logsource)
    words = _words()
    redactor = Redactor(secrets.token_bytes(32), words.texts()) if redact else None
    cache = DiskCache()
    sheets = _sheets({"--csv": csv, "--html": html, "--timeline": timeline, "--navigator": navigator})
    check_new(sheets)
    assets = _assets(devices)
    with _given_up("stopped before anything was read"):
        book = _book(rules, cache, values, own=not no_own_rules)
    setup = Setup(book.rules, cache, bound, first, last, carries_all=redact)
    run = Scan(setup, tuple(sys.argv[1:]), cores, words, assets)
    with _given_up("stopped twice: what was found is not told"):
        result = _run(run, named)
        if redactor:
            for rule in book.rules.correlations:
                redactor.spare(rule.title)
            result = redacted(result, redactor, run.matches())
    tell_book(book, redactor.sentence if redactor else str)
    if min_level is not None:
        result = at_least(result, min_level)
    counted = Counted(result)
    result = replace(result, findings=counted)
    view = View(zone=zone)
    faults = [(sheet, write(sheet, result, view)) for sheet in sheets]  # first: standard output's reader may go away
    for sheet, fault in faults:
        if fault is not None:
            say(f"{sheet.option} {sheet.path}: {fault}")
    _write(result, replace(view, is_brief=brief), as_json=as_json)
    if any(fault is not None for _, fault in faults):
        raise typer.Exit(USAGE)
    raise typer.Exit(_status(result, counted.highest, min_level or Level.LOW, is_stopped=run.is_stopped))


@contextmanager
def _given_up(words: str) -> Iterator[None]:
    """Where this is stopped by hand say so, and end."""
    try:
        yield
    except KeyboardInterrupt:
        say(words)
        raise typer.Exit(STOPPED) from None


def _sheets(asked: dict[str, Path | None]) -> list[Sheet]:
    return [Sheet(option, path, FORMS[option]) for option, path in asked.items() if path is not None]


def _words() -> Words:
    """Return the catalogue of the stories' wording that ships with the program."""
    return words_of((resources.files(story) / CATALOGUE).read_text("utf-8"), CATALOGUE)


def _assets(path: Path | None) -> Mapping[str, Asset]:
    try:
        return {} if path is None else read_assets(path)
    except TheirFault as fault:
        fail(f"--devices {fault}")


def _book(rules: list[Path] | None, cache: DiskCache, values: Path | None, *, own: bool) -> Rulebook:
    named, known = own_or_named(rules, own=own), values_of(values)
    with Console(stderr=True).status("Loading rules; the first time takes longer"):
        try:
            return read_rulebook(named, cache, known, own=own)
        except TheirFault as fault:
            fail(str(fault))


def _run(scan: Scan, paths: list[str]) -> Result:
    if STDIN in paths and sys.stdin is not None and sys.stdin.isatty():
        say("reading events from the keyboard: Ctrl-D ends them")
    console = Console(stderr=True)
    if not console.is_terminal:
        return scan.run(paths)
    with ExitStack() as stack:
        line: list[ScanProgress] = []
        before = Progress()

        def show(now: Progress) -> None:
            nonlocal before
            if not line:
                line.append(stack.enter_context(ScanProgress(console, now.files_total, now.total_bytes)))
            line[0].advance(
                size_bytes=now.read_bytes - before.read_bytes,
                files=now.files - before.files,
                events=now.events - before.events,
                matches=now.matches - before.matches,
            )
            before = replace(now)

        scan.on_progress = show
        scan.on_stage = lambda text: line[0].say(text) if line else None
        return scan.run(paths)


def _write(result: Result, view: View, *, as_json: bool) -> None:
    """Write the result to standard output; in colour where that is a terminal."""
    view = replace(view, width=shutil.get_terminal_size((PIPE_WIDTH, 24)).columns)
    if sys.stdout.isatty() and not as_json:
        console = Console(width=view.width, highlight=False)
        for line in terminal.styled(result, view):
            console.print(line, soft_wrap=True)
        return
    form = JSONLINES if as_json else terminal.TERMINAL
    out = sys.stdout.buffer
    is_screen = sys.stdout.isatty()
    waiting = bytearray()
    try:
        for piece in form.tell(result, view):
            data = piece.encode("utf-8", "backslashreplace")
            waiting += visible_json(data) if is_screen else data
            if len(waiting) >= WRITE_BYTES:
                full, waiting = waiting, bytearray()
                out.write(full)
    finally:  # stopped by hand: what was made is told
        out.write(waiting)
        out.flush()


def _status(result: Result, highest: int, least: Level, *, is_stopped: bool) -> int:
    summary = result.closing.summary
    if is_stopped:
        return STOPPED
    if summary.files_failed or not summary.rules_ready:
        return UNREAD
    return FOUND if highest >= least.rank else CLEAN


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fail(f"--timezone '{name}': no such time zone; name one like Europe/London")
