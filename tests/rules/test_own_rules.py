"""Every rule of our own is ready, written in the house's style, and proved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

import carecordon
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.proof import read
from carecordon.pipeline.detect.sigma.texts import RuleText

SHELF = Path(carecordon.__file__).parent / "rules"
FILES = sorted(SHELF.glob("*/*.yml"))
TACTICS = {
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
}
"""Source: MITRE ATT&CK v19, enterprise tactics (reconnaissance and resource development leave no trace on a device)."""
ORDER = ["title", "id", "name", "status", "description", "author", "date", "license", "tags", "logsource", "detection"]
ORDER += ["correlation", "falsepositives", "triage", "level"]


def documents(file: Path) -> list[dict[str, Any]]:
    """Return the YAML documents of a rule file."""
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def loaded() -> RuleSet:
    """Return all own rules, loaded together as a scan does."""
    return load([RuleText(file.relative_to(SHELF).as_posix(), file.read_bytes()) for file in FILES], {})


def test_all_load_together(loaded: RuleSet) -> None:
    assert not loaded.refused
    assert len(loaded.rules) + len(loaded.correlations) == sum(len(documents(file)) for file in FILES)
    assert len(loaded.rules) >= 40


def test_ids_and_titles_are_used_once() -> None:
    every = [document for file in FILES for document in documents(file)]
    for key in ("id", "title"):
        values = [document[key] for document in every]
        assert len(values) == len(set(values))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_style(file: Path) -> None:
    assert file.parent.name in TACTICS
    for document in documents(file):
        assert list(document) == [key for key in ORDER if key in document]
        assert UUID(document["id"]).version == 4
        assert (document["author"], document["license"]) == ("Carecordon", "Apache-2.0")
        assert document["level"] in {"informational", "low", "medium", "high", "critical"}
        assert f"attack.{file.parent.name}" in document["tags"]
        assert any(re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag) for tag in document["tags"])
        assert all(tag.removeprefix("attack.") in TACTICS or tag.startswith("attack.t1") for tag in document["tags"])
        assert document["falsepositives"]
        assert len(document["description"]) > 60
        assert not document["title"].endswith(".")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_proof_stands_beside(file: Path) -> None:
    proof = file.with_suffix(".events.jsonl")
    proofs, bad = read(proof.read_text(encoding="utf-8"), proof.name)
    assert not bad
    has_correlation = any("correlation" in document for document in documents(file))
    assert {line.is_sequence for line in proofs} == ({False, True} if has_correlation else {False})


def test_no_proof_without_a_rule() -> None:
    assert {proof.name.removesuffix(".events.jsonl") for proof in SHELF.glob("*/*.jsonl")} == {f.stem for f in FILES}
