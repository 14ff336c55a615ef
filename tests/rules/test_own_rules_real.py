"""How many own rules find something in recordings of real attacks; needs the outside data."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carecordon.cli.main import app
from tests.rules.test_own_rules import SHELF, documents

TOP = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CARECORDON_SHARED", TOP.parent / "shared")).resolve()
SETS = ["data/evtx-to-mitre", "data/regression", "data/otrf-150k.jsonl.zst"]
"""Source: mdecrevoisier/EVTX-to-MITRE-Attack (CC0), SigmaHQ regression data, OTRF Security-Datasets."""
FLOORS = {
    "execution": 20,
    "impact": 6,
    "initial-access": 1,
    "persistence": 42,
    "privilege-escalation": 17,
    "stealth": 13,
}
"""How many rules and correlations of a tactic find something there at least."""


@pytest.fixture(scope="module")
def found() -> dict[str, set[str]]:
    """Return the ids of own rules and correlations that found something, by tactic folder."""
    absent = [name for name in SETS if not (SHARED / name).exists()]
    if absent:
        pytest.skip(f"outside data is absent (CARECORDON_SHARED): {', '.join(absent)}")
    result = CliRunner().invoke(app, ["scan", *(str(SHARED / name) for name in SETS), "--json", "--cores", "1"])
    told = [json.loads(line) for line in result.output.splitlines()]
    hits = {one["rule_id"] for one in told if one["type"] in {"match", "correlation"}}
    by_tactic: dict[str, set[str]] = defaultdict(set)
    for file in SHELF.glob("*/*.yml"):
        by_tactic[file.parent.name] |= hits & {document["id"] for document in documents(file)}
    return by_tactic


@pytest.mark.parametrize("tactic", sorted(FLOORS))
def test_real_recordings_are_seen(found: dict[str, set[str]], tactic: str) -> None:
    assert len(found[tactic]) >= FLOORS[tactic]
