"""How a rule, a verdict, a cover and a rate are told in one line, to a person and to a program."""

from __future__ import annotations

import sys
from typing import Any

import typer

from carecordon.pipeline.detect.sigma.ir import Correlation, RefusedRule, Rule
from carecordon.pipeline.detect.sigma.proof import Verdict
from carecordon.report.formats import jsonlines
from carecordon.report.visible import visible, visible_json
from carecordon.scan import coverage
from carecordon.scan.noise import Noise


def tell_rule(rule: Rule | Correlation, state: str, *, as_json: bool) -> None:
    """Print a rule that loaded, and whether it is ready or dormant."""
    source = rule.logsource if isinstance(rule, Rule) else None
    if as_json:
        line(
            type="rule",
            rule_id=rule.id,
            title=rule.title,
            level=rule.level,
            techniques=rule.techniques,
            state=state,
            logsource=source._asdict() if source else None,
            file=rule.path,
            line=rule.line,
            column=None,
            reason=None,
        )
        return
    kind = coverage.named(rule.logsource) if isinstance(rule, Rule) else f"correlation {rule.type}"
    typer.echo(visible(f"{rule.level:13} {state:7} {kind:30} {rule.title}  ({rule.path}:{rule.line})"))


def tell_refused(refused: RefusedRule, *, as_json: bool) -> None:
    """Print a rule that did not load, and why; a program gets the keys of any other rule."""
    if as_json:
        line(
            type="rule",
            rule_id=refused.rule_id,
            title=None,
            level=None,
            techniques=[],
            state="refused",
            logsource=None,
            file=refused.path,
            line=refused.line,
            column=refused.column,
            reason=refused.reason,
        )
        return
    place = f"{refused.path}:{refused.line}:{refused.column}"
    typer.echo(visible(f"{'-':13} refused {refused.rule_id or '-':30} {refused.reason}  ({place})"))


def tell_verdict(verdict: Verdict, *, as_json: bool) -> None:
    """Print a verdict: for programs each, for people what failed and the hints."""
    if not as_json:
        if verdict.is_hint or not verdict.ok:
            kind = "hint: " if verdict.is_hint else ""
            typer.echo(visible(f"{verdict.path}:{verdict.line}: {kind}{verdict.reason}"))
        return
    told = {"rule_id": verdict.rule_id, "file": verdict.path, "line": verdict.line}
    if verdict.is_hint:
        line(type="hint", **told, reason=verdict.reason)
    else:
        line(type="verdict", **told, ok=verdict.ok, reason=verdict.reason)


def tell_cover(cover: coverage.Cover | coverage.CorrelationCover, *, as_json: bool) -> None:
    """Print how far a rule was served."""
    missing = cover.missing if isinstance(cover, coverage.Cover) else ()
    if as_json:
        line(
            type="coverage",
            rule_id=cover.rule.id,
            title=cover.rule.title,
            level=cover.rule.level,
            state=cover.state,
            events=cover.events,
            missing_fields=missing,
            file=cover.rule.path,
            line=cover.rule.line,
        )
        return
    lacking = f"; no event carries {', '.join(missing)}" if missing else ""
    text = f"{cover.state:8} {cover.events:>9,} events  {cover.rule.title}  ({cover.rule.id}){lacking}"
    typer.echo(visible(text))


def tell_noise(entry: Noise, *, as_json: bool) -> None:
    """Print how often a rule matched; the rate is per device and day."""
    rule = entry.rule
    if as_json:
        line(
            type="noise",
            rule_id=rule.id,
            title=rule.title,
            level=rule.level,
            matches=entry.matches,
            devices=entry.devices,
            rate=round(entry.rate, 6),
            file=rule.path,
            line=rule.line,
        )
        return
    text = f"{entry.rate:>9.3f} a device and day  {entry.matches:>7,} matches on {entry.devices:>5,} devices"
    typer.echo(visible(f"{text}  {rule.level:13} {rule.title}  ({rule.id})"))


def line(**parts: object) -> None:
    """Write one JSON line on standard output."""
    write_out(parts)


def write_out(parts: dict[str, Any]) -> None:
    """Write one JSON line on standard output; on a terminal, nothing that steers it: rules and names are of others."""
    data = jsonlines.encoded(parts)
    sys.stdout.buffer.write(visible_json(data) if sys.stdout.isatty() else data)
