"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from carecordon.model.errors import TheirFault
from carecordon.model.event import LogSource
from carecordon.pipeline.detect.disk.rulebook import Collection, Rulebook, read_values
from carecordon.pipeline.ingest.times import NS, Clockwork
from carecordon.report.visible import visible

_DATE = len("2026-11-25")
CLEAN, FOUND, USAGE, UNREAD, STOPPED = 0, 1, 2, 3, 130
"""Exit statuses; where several apply, 2 comes before 130, then 3, then 1."""

RulesOption = Annotated[list[Path] | None, typer.Option(help="Folder, file or zip of Sigma rules, in addition.")]
NoOwnRules = Annotated[bool, typer.Option("--no-own-rules", help="Leave Carecordon's own rules out.")]
ValuesOption = Annotated[Path | None, typer.Option(help="YAML file of values for %placeholders%.")]
LogSourceOption = Annotated[
    str | None, typer.Option(metavar="product=…,service=…", help="What JSON documents of no known shape are.")
]


def say(message: str) -> None:
    """Put a line on standard error; names in it may hold anything."""
    typer.echo(f"carecordon: {visible(message)}", err=True)


def fail(message: str) -> NoReturn:
    """Say what is wrong with the call and end with status 2."""
    say(message)
    raise typer.Exit(USAGE)


def values_of(path: Path | None) -> dict[str, list[str | int]] | None:
    """Return the placeholder values in a file; ends with status 2 if they cannot be read."""
    if path is None:
        return None
    try:
        return read_values(path)
    except TheirFault as fault:
        fail(str(fault))


def moment_of(text: str | None, option: str, *, is_end: bool = False) -> int | None:
    """Return a time in UTC ns; a date alone is the first moment of that day, for an end the last."""
    if text is None:
        return None
    is_date = len(text) <= _DATE
    moment = Clockwork().utc_ns(f"{text}T00:00:00" if is_date else text)
    if moment is None:
        fail(f"{option} {text}: not a time; write it like 2026-11-25T01:02:03Z, or a date like 2026-11-25")
    return moment + 86_400 * NS - 1 if is_date and is_end else moment


def bound_of(text: str | None) -> LogSource | None:
    """Return the log source written as `product=…,service=…`; ends with status 2 if it is none."""
    if text is None:
        return None
    parts: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name not in LogSource._fields or not value:
            fail(f"--logsource {text}: write it like product=linux,service=auditd (product, category, service)")
        parts[name] = value.lower()
    return LogSource(**parts)


def own_or_named(rules: list[Path] | None, *, own: bool) -> list[Path]:
    """Return the rules that are named; ends with status 2 where there are neither these nor our own."""
    if not own and not rules:
        fail("--no-own-rules leaves no rule to run: name others with --rules, or leave it out")
    return rules or []


def tell_collections(collections: tuple[Collection, ...], clean: Callable[[str], str] = str) -> None:
    """Print hash and licence of each zip of rules, on standard error; `clean` takes out what must not be seen."""
    for one in collections:
        licence = one.licence or "no licence file inside"
        say(clean(f"rules from {one.path}: SHA-256 {one.sha256}, licence: {licence}"))


def tell_book(book: Rulebook, clean: Callable[[str], str] = str) -> None:
    """Say on standard error what the zips of rules are, and which paths hold no rules."""
    tell_collections(book.collections, clean)
    for reason in book.empty:
        say(clean(reason))
