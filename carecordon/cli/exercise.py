"""`carecordon exercise`: what may happen to a made-up hospital, written as the events its devices would report."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from carecordon.cli.options import fail, say
from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenario import Scenario
from carecordon.exercise.scenarios import all_scenarios
from carecordon.exercise.write import paths_of
from carecordon.exercise.write import write as write_recording

TIME_OF_DAY = re.compile(r"(\d\d?):([0-5]\d)", re.ASCII)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write what a made-up hospital's devices report, in peace or under attack.",
)


@app.command("list")
def list_scenarios() -> None:
    """List the scenarios and the steps of each."""
    for scenario in all_scenarios().values():
        typer.echo(f"{scenario.name}: {scenario.title}")
        for step in scenario.steps:
            typer.echo(f"  {step.number:2} {step.name}: {step.what} ({', '.join(step.techniques)})")


@app.command()
def write(
    *,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="One that `exercise list` names.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Events go here; packed if it ends with .gz or .zst.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of ordinary life.")] = 1,
    random_names: Annotated[
        bool, typer.Option("--random-names", help="Attackers' files, services and domains are drawn anew.")
    ] = False,
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="First day, e.g. 2026-11-20 (default: the scenario's own).")
    ] = None,
    since: Annotated[str, typer.Option("--from", metavar="HH:MM", help="Each day's life begins then, UTC.")] = "00:00",
    until: Annotated[str, typer.Option("--to", metavar="HH:MM", help="Each day's life ends then, UTC.")] = "24:00",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Write FILE (events), FILE.truth.jsonl (which of them are the attack) and FILE.devices.csv."""
    span = Span(_hour(since, "--from"), _hour(until, "--to"))
    if span.first >= span.last:
        fail(f"--from {since} is not earlier than --to {until}: nothing can be recorded between them")
    recording = Recording(_scenario(scenario), seed, days, _day(start), span, random_names)
    if not force:
        for path in paths_of(out):
            if path.exists():
                fail(f"{path} exists already: name another file, or use --force")
    try:
        written = write_recording(recording, out)
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror or error}: name a folder that exists and that you may write to")
    if written.missing:
        steps = ", ".join(map(str, written.missing))
        say(f"not in it, since the recorded time is too short or nobody was at work: steps {steps} of {scenario}")
    typer.echo(f"{written.events:,} events of {written.devices} devices, {written.malicious:,} of the attack: {out}")


def _scenario(name: str) -> Scenario:
    scenarios = all_scenarios()
    if name not in scenarios:
        fail(f"no scenario is called {name}: choose one of {', '.join(scenarios)}")
    return scenarios[name]


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"--start {text}: write the day like 2026-11-20")


def _hour(text: str, option: str) -> float:
    found = TIME_OF_DAY.fullmatch(text)
    hour = int(found[1]) + int(found[2]) / 60 if found else 25.0
    if hour > 24:
        fail(f"{option} {text}: write the time of day like 08:30")
    return hour
