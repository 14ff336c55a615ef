"""A scenario's events go in, its incidents come out: as they stand in `<scenario>.out.jsonl`, and no other.

`CARECORDON_REWRITE=1 pytest tests/journeys` writes the files anew; what changed in them is read before it is committed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carecordon.exercise.life import Span
from carecordon.exercise.write import paths_of, write
from tests.exercise.playing import recording

HERE = Path(__file__).parent
SEED = 1
SPANS = {"friday": Span(8.8, 9.6), "hands-on": Span(10.0, 17.0), "quiet": Span(9.0, 13.0)}
KEPT = ("id", "title", "level", "score", "devices", "from", "to", "techniques")
LARGEST_BYTES = 100_000


def incidents(scenario: str, folder: Path) -> list[dict[str, Any]]:
    """Return what a scan tells of a scenario's incidents, the worst first, without where the events stand."""
    out = folder / "events.jsonl"
    write(recording(scenario, SEED, span=SPANS[scenario]), out)
    command = [sys.executable, "-m", "carecordon", "scan", str(out), "--json", "--devices", str(paths_of(out).devices)]
    done = subprocess.run(command, capture_output=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [shortened(line) for line in lines if line["type"] == "incident"]


def shortened(line: dict[str, Any]) -> dict[str, Any]:
    kept = {name: line[name] for name in KEPT}
    kept["score"] = line["score"] | {
        "summands": [f"{one['points']} {one['name']}: {one['why']}" for one in line["score"]["summands"]]
    }
    return kept | {"story": [f"{told['time']} {told['device']}: {told['text']}" for told in line["story"]]}


@pytest.mark.parametrize("scenario", sorted(SPANS))
def test_a_scenario_ends_in_these_incidents(scenario: str, tmp_path: Path) -> None:
    golden = HERE / f"{scenario}.out.jsonl"
    found = incidents(scenario, tmp_path)
    if os.environ.get("CARECORDON_REWRITE") == "1":
        golden.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found), "utf-8")
    known = [json.loads(line) for line in golden.read_text("utf-8").splitlines()]
    assert [one["title"] for one in found] == [one["title"] for one in known]
    for one, other in zip(found, known, strict=True):
        assert one == other
    assert golden.stat().st_size < LARGEST_BYTES
