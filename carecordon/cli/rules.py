"""`carecordon rules`: what the rules are, whether they load and hold, what could serve them, how loud they are."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from carecordon.cli.options import (
    STOPPED,
    UNREAD,
    LogSourceOption,
    NoOwnRules,
    RulesOption,
    ValuesOption,
    bound_of,
    fail,
    own_or_named,
    say,
    tell_book,
    tell_collections,
    values_of,
)
from carecordon.cli.rule_lines import line, tell_cover, tell_noise, tell_refused, tell_rule, tell_verdict, write_out
from carecordon.model.errors import Refused, TheirFault
from carecordon.model.match import Unseen
from carecordon.model.result import Closing, RulesSummary
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import Rulebook, read_rulebook
from carecordon.pipeline.detect.sigma.ir import Correlation, Rule
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.report.formats import jsonlines
from carecordon.report.silence import in_a_line
from carecordon.report.visible import visible
from carecordon.scan import coverage
from carecordon.scan.dormancy import dormant_ids
from carecordon.scan.noise import noise, watched
from carecordon.scan.proving import prove, proving, proving_own
from carecordon.scan.run import Scan
from carecordon.scan.worker import Setup

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, check and prove rules; see which of them some events could serve.",
)
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output.")]
Events = Annotated[list[str], typer.Argument(metavar="EVENTS...", help="Event files, archives, folders.")]


@app.command("list")
def list_rules(
    *, rules: RulesOption = None, no_own_rules: NoOwnRules = False, values: ValuesOption = None, as_json: AsJson = False
) -> None:
    """List every rule: level, whether it is ready, dormant or refused (and why), log source, title, place."""
    book = _book(rules, own=not no_own_rules, values=values)
    dormant = dormant_ids(book.rules, Program(book.rules, None))
    rules_loaded: list[Rule | Correlation] = [*book.rules.rules, *book.rules.correlations]
    for rule in rules_loaded:
        tell_rule(rule, "dormant" if rule.id in dormant else "ready", as_json=as_json)
    for refused in book.rules.refused:
        tell_refused(refused, as_json=as_json)


@app.command()
def check(
    *,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Rules, folders or zips of rules.")],
    values: ValuesOption = None,
    as_json: AsJson = False,
) -> None:
    """Load every rule and name each one refused, with its place and the reason. Exit status 1 if any was."""
    book = _book(paths, own=False, values=values)
    loaded = len(book.rules.rules) + len(book.rules.correlations)
    dormant = dormant_ids(book.rules, Program(book.rules, None))
    summary = RulesSummary(loaded, loaded - len(dormant), len(dormant), len(book.rules.refused))
    for one in book.rules.refused:
        refused = Refused(one.path, one.line, one.column, one.rule_id, one.reason)
        if as_json:
            write_out(jsonlines.refused(refused))
        else:
            typer.echo(visible(str(refused)))
    if as_json:
        write_out(jsonlines.rules_summary(summary))
    else:
        sources = Counter(coverage.named(rule.logsource) for rule in book.rules.rules if rule.id in dormant)
        for source, count in sorted(sources.items()):
            typer.echo(visible(f"dormant: {count} of {source}: no known events serve this log source"))
        waiting = sum(one.id in dormant for one in book.rules.correlations)
        if waiting:
            typer.echo(f"dormant: {waiting} correlations: they wait for rules that are dormant")
        typer.echo(
            f"{summary.loaded:,} rules loaded: {summary.ready:,} ready, {summary.dormant:,} dormant;"
            f" {summary.refused:,} refused"
        )
    raise typer.Exit(1 if summary.refused else 0)


@app.command("test")
def prove_rules(
    *,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Rules with proofs beside them (default: our own).")
    ] = None,
    values: ValuesOption = None,
    hints: Annotated[bool, typer.Option("--hints", help="Name single values that no proof needs; no failure.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the proofs beside the rules, and drop each condition item in turn: some proof must notice."""
    given = values_of(values) or {}
    proved = failed = 0
    try:
        for verdict in prove(_texts_to_prove(paths), given, hints=hints):
            proved += verdict.ok and not verdict.is_hint
            failed += not verdict.ok
            tell_verdict(verdict, as_json=as_json)
    except TheirFault as fault:
        fail(str(fault))
    if as_json:
        line(type="summary", passed=proved, failed=failed)
    else:
        typer.echo(f"{proved} passed, {failed} failed")
    raise typer.Exit(1 if failed else 0)


@app.command("coverage")
def show_coverage(
    *,
    events: Events,
    rules: RulesOption = None,
    no_own_rules: NoOwnRules = False,
    values: ValuesOption = None,
    logsource: LogSourceOption = None,
    as_json: AsJson = False,
) -> None:
    """Say per rule whether the log source it needs is in these events, so that no match means something."""
    book = _book(rules, own=not no_own_rules, values=values)
    setup = Setup(book.rules, DiskCache(), bound_of(logsource))
    scan = Scan(setup, tuple(sys.argv[1:]))
    closing = scan.run(events).closing
    program, seen = Program(book.rules, None, setup.bound), scan.kinds_seen()
    rules_found = coverage.covers(program, seen)
    found: list[coverage.Cover | coverage.CorrelationCover] = [
        *rules_found,
        *coverage.correlation_covers(book.rules.correlations, rules_found, program, seen),
    ]
    for cover in found:
        tell_cover(cover, as_json=as_json)
    _tell_unread(closing, as_json=as_json)
    states = Counter(cover.state for cover in found)
    if as_json:
        counts = {name: states[name] for name in ("served", "absent", "dormant")}
        line(type="summary", rules=len(found), **counts, partial=closing.summary.partial)
    else:
        typer.echo(
            f"{len(found)} rules: {states['served']} served by these events, {states['absent']} without events of their"
            f" log source, {states['dormant']} dormant"
        )
    _end(closing)


@app.command("noise")
def show_noise(
    *,
    events: Events,
    rules: RulesOption = None,
    no_own_rules: NoOwnRules = False,
    values: ValuesOption = None,
    logsource: LogSourceOption = None,
    as_json: AsJson = False,
) -> None:
    """Say per rule how often it matches in these events, on how many devices, and per device and day; loudest first."""
    book = _book(rules, own=not no_own_rules, values=values)
    scan = Scan(Setup(book.rules, DiskCache(), bound_of(logsource)), tuple(sys.argv[1:]))
    result = scan.run(events)
    ground = watched(result.closing.sources)
    entries = noise(result.findings, scan.matches(), ground)
    for entry in entries:
        tell_noise(entry, as_json=as_json)
    _tell_unread(result.closing, as_json=as_json)
    total = sum(entry.matches for entry in entries)
    if as_json:
        line(
            type="summary",
            rules=len(entries),
            matches=total,
            devices=ground.devices,
            device_days=round(ground.device_days, 3),
            partial=result.closing.summary.partial,
        )
    else:
        typer.echo(
            f"{len(entries)} rules matched, {total:,} times, on {ground.devices:,} devices seen for"
            f" {ground.device_days:,.1f} device-days"
        )
    _end(result.closing)


def _tell_unread(closing: Closing, *, as_json: bool) -> None:
    """Name each file and record that could not be read."""
    unread = [spot for spot in closing.unseen if spot.kind in (Unseen.FILE, Unseen.RECORD)]
    for spot in unread:
        if as_json:
            write_out(jsonlines.unseen(spot))
        else:
            typer.echo(visible(f"not read: {in_a_line(spot, 'events')}"))


def _end(closing: Closing) -> NoReturn:
    """End with the status that says whether all events were read."""
    if closing.summary.partial:
        say("stopped before all events were read: what is absent here may still be there")
        raise typer.Exit(STOPPED)
    raise typer.Exit(UNREAD if closing.summary.files_failed else 0)


def _texts_to_prove(paths: list[Path] | None) -> dict[str, bytes]:
    """Return the rules named, or our own, with their proofs; tells of each zip what it is."""
    texts: dict[str, bytes] = {}
    for files in map(proving, paths) if paths else [proving_own()]:
        texts.update(files.texts)
        if files.collection is not None:
            tell_collections((files.collection,))
    return texts


def _book(paths: list[Path] | None, *, own: bool, values: Path | None = None) -> Rulebook:
    try:
        book = read_rulebook(own_or_named(paths, own=own), DiskCache(), values_of(values), own=own)
    except TheirFault as fault:
        fail(str(fault))
    tell_book(book)
    return book
