"""`carecordon bench`: the figures of this program on this machine."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from carecordon.bench import detect as bench_detect
from carecordon.bench import exercise as bench_exercise
from carecordon.bench import scan as bench_scan
from carecordon.bench import triage as bench_triage
from carecordon.bench import triage_cost
from carecordon.bench.scan import BIG_BYTES
from carecordon.cli.options import fail
from carecordon.model.errors import TheirFault

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Measure; each figure in a process of its own.")


@app.callback()
def bench() -> None:
    """Measure; each figure in a process of its own."""


@app.command()
def detect(
    *,
    events: Annotated[Path, typer.Option(exists=True, help="Event file.")],
    rules: Annotated[list[Path], typer.Option(exists=True, help="Sigma rules; only these are used.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    without_fast: Annotated[bool, typer.Option("--without-fast", help="Leave Hyperscan out.")] = False,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each figure; the best is told.")] = 3,
) -> None:
    """Measure detection on one core: first and second pass, no memo, batches, compile and warm start, memory."""
    try:
        found = bench_detect.measure(events, rules, fast=not without_fast, repeat=repeat)
    except OSError as error:
        fail(str(error))
    _tell(found, as_json=as_json)


@app.command()
def scan(
    *,
    evtx: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of EVTX files.")],
    lines: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="File of JSON lines; may be zstd.")],
    rules: Annotated[list[Path], typer.Option(exists=True, help="Sigma rules; only these are used.")],
    big_bytes: Annotated[int, typer.Option(min=1, help="Size of the input that memory is measured on.")] = BIG_BYTES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure whole scans, start-up taken out: EVTX and JSON lines on one core and on two, and memory."""
    try:
        found = bench_scan.measure(evtx, lines, rules, big_bytes)
    except (OSError, ValueError) as error:
        fail(str(error))
    _tell(found, as_json=as_json)


@app.command()
def exercise(
    *,
    scenario: Annotated[str, typer.Argument(metavar="[SCENARIO]", help="One that `exercise list` names.")] = "quiet",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each length; the fastest is told.")] = 3,
) -> None:
    """Measure how fast a recording is written on one core, start-up taken out."""
    try:
        found = bench_exercise.measure(scenario, repeat)
    except (OSError, ValueError) as error:
        fail(str(error))
    _tell(found, as_json=as_json)


@app.command()
def triage(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="Recordings of each attack; every other has random names.")] = 50,
    cores: Annotated[int, typer.Option(min=1, help="Recordings to make and scan at a time.")] = 2,
    events: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Event file to tell triage's share of a scan on.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure how well incidents tell an attack, against its truth; false alarms on ordinary days; triage's cost."""
    try:
        told = bench_triage.measure(seeds, cores, on_done=lambda words: typer.echo(words, err=True))
        found = {**told, "cost": triage_cost.measure(events)}
    except (OSError, ValueError) as error:
        fail(str(error))
    _tell(found, as_json=as_json)


@app.command()
def hub(
    *,
    devices: Annotated[int, typer.Option(min=10, max=20_000, help="Devices of the fleet.")] = 10_000,
    minutes: Annotated[float, typer.Option(min=0.2, help="Of all phases together.")] = 10.0,
    rules: Annotated[list[Path] | None, typer.Option(exists=True, help="Sigma rules beside our own.")] = None,
    ingest: Annotated[bool, typer.Option("--ingest", help="Only how much the gate takes in.")] = False,
    keep: Annotated[Path | None, typer.Option(help="A new folder in which hub and devices stay.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure a hub of its own under a made-up fleet: receipts, finding, cores, memory, what is kept."""
    try:
        bench_hub = importlib.import_module("carecordon.cli.bench_hub")
    except ImportError as error:
        fail(f"this command needs more than a scan does: install carecordon[hub] (without it: {error})")
    wanted = bench_hub.Wanted(devices, minutes, rules or [], keep)
    measure = bench_hub.measure_ingest if ingest else bench_hub.measure
    try:
        found = measure(wanted, lambda words: typer.echo(words, err=True))
    except (TheirFault, OSError) as error:
        fail(str(error))
    typer.echo(orjson.dumps(found).decode() if as_json else bench_hub.shown(found))


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    for name, value in found.items():
        typer.echo(f"{name:28} {value:>15,}" if isinstance(value, int | float) else f"{name:28} {value!s:>15}")
