"""`carecordon rules`: what the rules are, whether they load and hold, and what events could serve them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
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
    say,
    tell_collections,
    values_of,
)
from carecordon.model.errors import Refused, TheirFault
from carecordon.model.match import Unseen
from carecordon.model.result import RulesSummary
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.report.formats import jsonlines
from carecordon.report.visible import visible
from carecordon.scan import coverage
from carecordon.scan.cache import DiskCache
from carecordon.scan.proving import prove, prove_own
from carecordon.scan.rulebook import Rulebook, read_rulebook
from carecordon.scan.run import Scan
from carecordon.scan.worker import Setup

app = typer.Typer(no_args_is_help=True, help="List, check and prove rules; see which of them some events could serve.")
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output.")]


@app.command("list")
def list_rules(*, rules: RulesOption = None, no_own_rules: NoOwnRules = False, as_json: AsJson = False) -> None:
    """List every rule: level, whether it is ready or dormant, log source, title, place."""
    book = _book(rules, own=not no_own_rules)
    dormant = set(Program(book.rules, None).dormant)
    for index, rule in enumerate(book.rules.rules):
        state = "dormant" if index in dormant else "ready"
        source = coverage.named(rule.logsource)
        if as_json:
            _line(
                type="rule",
                rule_id=rule.id,
                title=rule.title,
                level=rule.level,
                techniques=rule.techniques,
                state=state,
                logsource=rule.logsource._asdict(),
                file=rule.path,
                line=rule.line,
            )
        else:
            typer.echo(visible(f"{rule.level:13} {state:7} {source:30} {rule.title}  ({rule.path}:{rule.line})"))
    for correlation in book.rules.correlations:
        if as_json:
            _line(
                type="rule",
                rule_id=correlation.id,
                title=correlation.title,
                level=correlation.level,
                techniques=correlation.techniques,
                state="ready",
                logsource=None,
                file=correlation.path,
                line=correlation.line,
            )
        else:
            kind = f"correlation {correlation.type}"
            place = f"{correlation.path}:{correlation.line}"
            typer.echo(visible(f"{correlation.level:13} {'ready':7} {kind:30} {correlation.title}  ({place})"))


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
    dormant = Program(book.rules, None).dormant
    summary = RulesSummary(loaded, loaded - len(dormant), len(dormant), len(book.rules.refused))
    for one in book.rules.refused:
        refused = Refused(one.path, one.line, one.column, one.rule_id, one.reason)
        if as_json:
            sys.stdout.buffer.write(jsonlines.encoded(jsonlines.refused(refused)))
        else:
            typer.echo(visible(str(refused)))
    if as_json:
        sys.stdout.buffer.write(jsonlines.encoded(jsonlines.rules_summary(summary)))
    else:
        sources = Counter(coverage.named(book.rules.rules[index].logsource) for index in dormant)
        for source, count in sorted(sources.items()):
            typer.echo(f"dormant: {count} of {source}: no known events serve this log source")
        typer.echo(
            f"{summary.loaded:,} rules loaded: {summary.ready:,} ready, {summary.dormant:,} dormant;"
            f" {summary.refused:,} refused"
        )
    raise typer.Exit(1 if summary.refused else 0)


@app.command("test")
def prove_rules(
    *,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Rules with proofs beside them [default: our own].")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the proofs beside the rules, and drop each condition item in turn: some proof must notice."""
    proved = failed = 0
    try:
        for verdict in prove_own() if not paths else (one for path in paths for one in prove(path)):
            proved += verdict.ok
            failed += not verdict.ok
            if as_json:
                _line(
                    type="verdict",
                    rule_id=verdict.rule_id,
                    file=verdict.path,
                    line=verdict.line,
                    ok=verdict.ok,
                    reason=verdict.reason,
                )
            elif not verdict.ok:
                typer.echo(visible(f"{verdict.path}:{verdict.line}: {verdict.reason}"))
    except TheirFault as fault:
        fail(str(fault))
    if as_json:
        _line(type="summary", passed=proved, failed=failed)
    else:
        typer.echo(f"{proved} passed, {failed} failed")
    raise typer.Exit(1 if failed else 0)


@app.command("coverage")
def show_coverage(
    *,
    events: Annotated[list[str], typer.Argument(metavar="EVENTS...", help="Event files, archives, folders.")],
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
    found = coverage.covers(Program(book.rules, None, setup.bound), scan.kinds_seen())
    for cover in found:
        _tell_cover(cover, as_json=as_json)
    unread = [spot for spot in closing.unseen if spot.kind in (Unseen.FILE, Unseen.RECORD)]
    for spot in unread:
        if as_json:
            sys.stdout.buffer.write(jsonlines.encoded(jsonlines.unseen(spot)))
        else:
            typer.echo(visible(f"not read: {spot.file}: {spot.reason}"))
    states = Counter(map(_state, found))
    if as_json:
        counts = {name: states[name] for name in ("served", "absent", "dormant")}
        _line(type="summary", rules=len(found), **counts, partial=closing.summary.partial)
    else:
        typer.echo(
            f"{len(found)} rules: {states['served']} served by these events, {states['absent']} without events of their"
            f" log source, {states['dormant']} dormant"
        )
    if closing.summary.partial:
        say("stopped before all events were read: what is absent here may still be there")
        raise typer.Exit(STOPPED)
    raise typer.Exit(UNREAD if closing.summary.files_failed else 0)


def _tell_cover(cover: coverage.Cover, *, as_json: bool) -> None:
    if as_json:
        _line(
            type="coverage",
            rule_id=cover.rule.id,
            title=cover.rule.title,
            level=cover.rule.level,
            state=_state(cover),
            events=cover.events,
            missing_fields=cover.missing,
            file=cover.rule.path,
            line=cover.rule.line,
        )
        return
    lacking = f"; no event carries {', '.join(cover.missing)}" if cover.missing else ""
    text = f"{_state(cover):8} {cover.events:>9,} events  {cover.rule.title}  ({cover.rule.id}){lacking}"
    typer.echo(visible(text))


def _state(cover: coverage.Cover) -> str:
    if cover.is_dormant:
        return "dormant"
    return "served" if cover.events else "absent"


def _book(paths: list[Path] | None, *, own: bool, values: Path | None = None) -> Rulebook:
    try:
        book = read_rulebook(paths or (), DiskCache(), values_of(values), own=own)
    except TheirFault as fault:
        fail(str(fault))
    tell_collections(book.collections)
    return book


def _line(**parts: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(parts, option=orjson.OPT_APPEND_NEWLINE))
