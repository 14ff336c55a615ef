"""How well incidents tell an attack: recordings of many seeds, scanned by the command itself, against their truth.

Half of the seeds have random names, so that nothing can be known by its name. Shares of
steps are of all seeds together, the worst step counting; all else is of the worst seed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from carecordon.bench.attack import Step, Told, held_against_truth, read_scanned

HOURS = {"friday": ("08:30", "10:00"), "hands-on": ("09:00", "18:00")}
"""Just long enough for the whole attack."""
QUIET_SEEDS = 5
"""Ordinary days, each of another seed."""
DEVICES = 40
"""Devices of a recording that report events (docs/exercise.md)."""
STEPS_SHARE, EVENTS_SHARE, FOREIGN_SHARE = 1.0, 0.9, 0.05
FIRST_DEVICE_INCIDENTS, INCIDENTS = 1, 2
LOUD = frozenset({"high", "critical"})
_CLEAN_OR_FOUND = (0, 1)


def measure(
    seeds: int, cores: int, quiet_seeds: int = QUIET_SEEDS, on_done: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return all figures; `cores` recordings are made and scanned at a time, each scan on one core.

    `on_done` is told in words how far it has come.
    Raises OSError if the command cannot be run, ValueError with its words if it fails.
    """
    attacks: dict[str, dict[int, Told]] = {name: {} for name in HOURS}
    quiet: list[list[str]] = []
    with ThreadPoolExecutor(cores) as pool:
        for name, known in attacks.items():
            for seed, told in enumerate(pool.map(_attacked, [name] * seeds, _numbers(seeds)), 1):
                known[seed] = told
                on_done(f"{name}: {seed} of {seeds} seeds")
        for seed, alarms in enumerate(pool.map(_alarms, _numbers(quiet_seeds)), 1):
            quiet.append(alarms)
            on_done(f"quiet: {seed} of {quiet_seeds} seeds")
    return {**{name: figures(told) for name, told in attacks.items()}, "quiet": _quiet(quiet)}


def figures(told: Mapping[int, Told]) -> dict[str, Any]:
    """Return the figures of one scenario from what each seed's incidents told."""
    steps: dict[str, Step] = defaultdict(Step)
    for one in told.values():
        for name, step in one.steps.items():
            steps[name].add(step)
    foreign = {seed: one.foreign / max(one.events, 1) for seed, one in told.items()}
    seen = {seed: sum(bool(step.told) for step in one.steps.values()) / len(one.steps) for seed, one in told.items()}
    seconds = [one.seconds for one in told.values() if one.seconds is not None]
    return {
        "seeds": len(told),
        "steps_share_worst": round(min(seen.values()), 4),
        "events_per_step_share_worst": round(min(step.share for step in steps.values()), 4),
        "events_per_step": {name: round(step.share, 4) for name, step in steps.items()},
        "events": statistics.mean(one.events for one in told.values()),
        "context_events": statistics.mean(one.context for one in told.values()),
        "foreign_share_worst": round(max(foreign.values()), 4),
        "first_device_incidents_worst": max(one.first_device_incidents for one in told.values()),
        "incidents_worst": max(one.incidents for one in told.values()),
        "low_incidents": statistics.mean(one.low_incidents for one in told.values()),
        "seconds_to_first_match": {"median": statistics.median(seconds), "worst": max(seconds)} if seconds else None,
        **_judged(told, steps, foreign, seen),
    }


def _judged(
    told: Mapping[int, Told], steps: Mapping[str, Step], foreign: Mapping[int, float], seen: Mapping[int, float]
) -> dict[str, Any]:
    """Return which bars hold, and for each that does not the seeds, or the steps, that are beyond it."""
    beyond: dict[str, list[int | str]] = {
        "steps": [seed for seed, share in seen.items() if share < STEPS_SHARE],
        "events_per_step": [name for name, step in steps.items() if step.share < EVENTS_SHARE],
        "foreign": [seed for seed, share in foreign.items() if share > FOREIGN_SHARE],
        "first_device_incidents": [
            s for s, one in told.items() if one.first_device_incidents != FIRST_DEVICE_INCIDENTS
        ],
        "incidents": [seed for seed, one in told.items() if not 1 <= one.incidents <= INCIDENTS],
    }
    return {
        "holds": {bar: not found for bar, found in beyond.items()},
        "beyond": {bar: found for bar, found in beyond.items() if found},
    }


def _quiet(alarms: Sequence[Sequence[str]]) -> dict[str, Any]:
    titles = sorted(title for one in alarms for title in one)
    return {
        "device_days": DEVICES * len(alarms),
        "incidents_high_or_critical": len(titles),
        "titles": titles,
        "holds": {"incidents_high_or_critical": not titles},
    }


def _numbers(count: int) -> range:
    return range(1, count + 1)


def _attacked(scenario: str, seed: int) -> Told:
    """Return what the incidents of one attack tell of it; every other seed has random names."""
    first, last = HOURS[scenario]
    options = ["--from", first, "--to", last, *(["--random-names"] if seed % 2 == 0 else [])]
    with _scanned(scenario, seed, options) as (out, lines):
        return held_against_truth(read_scanned(out, _beside(out, "truth.jsonl"), lines, _beside(out, "timeline.csv")))


def _alarms(seed: int) -> list[str]:
    """Return the titles of the incidents of level high or above on an ordinary day."""
    with _scanned("quiet", seed, []) as (_, lines):
        told = [orjson.loads(line) for line in lines.splitlines()]
    return [
        f"seed {seed}: {line['title']} ({line['level']})"
        for line in told
        if line["type"] == "incident" and line["level"] in LOUD
    ]


@contextmanager
def _scanned(scenario: str, seed: int, options: Sequence[str]) -> Iterator[tuple[Path, bytes]]:
    """Yield where a recording stands and the lines of its scan; the files are gone thereafter."""
    with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as folder:
        out = Path(folder) / "events.jsonl"
        _run("exercise", "write", scenario, "--seed", str(seed), "--out", str(out), *options)
        devices, timeline = _beside(out, "devices.csv"), _beside(out, "timeline.csv")
        scan = ("scan", str(out), "--json", "--cores", "1", "--devices", str(devices), "--timeline", str(timeline))
        yield out, _run(*scan)


def _beside(out: Path, suffix: str) -> Path:
    return out.with_name(f"{out.name}.{suffix}")


def _run(*words: str) -> bytes:
    """Return what our own command writes. Raises ValueError with its words if it fails."""
    done = subprocess.run([sys.executable, "-m", "carecordon", *words], capture_output=True, check=False)  # noqa: S603  # our own command
    if done.returncode not in _CLEAN_OR_FOUND:
        raise ValueError(f"{' '.join(words)} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
