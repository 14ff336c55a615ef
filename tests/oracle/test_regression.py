"""Every public regression test is passed: its events hit the rule that it names, by the engine and by the oracle."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.oracle.compare import engine_hits
from tests.oracle.corpora import shared
from tests.oracle.events import from_file
from tests.oracle.plain import read_rules

RULE_FOLDERS = ("rules", "rules-compliance", "rules-dfir", "rules-emerging-threats", "rules-threat-hunting")


@dataclass(frozen=True)
class Case:
    """A rule, a file, and how many events of the file the rule hits at least."""

    rule_id: str
    path: Path
    at_least: int


def folders() -> list[Path]:
    return [shared() / "data/sigma" / folder for folder in RULE_FOLDERS]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """All regression tests of the outside data."""
    top = shared() / "data/regression"
    if not top.exists() or not all(folder.exists() for folder in folders()):
        pytest.skip("outside data is absent (CARECORDON_SHARED): data/regression or data/sigma")
    found = []
    for path in sorted(top.rglob("info.yml")):
        info = yaml.safe_load(path.read_text(encoding="utf-8"))
        for test in info.get("regression_tests_info") or []:
            events = top / test["path"].removeprefix("regression_data/")
            found.append(Case(info["rule_metadata"][0]["id"], events, test.get("match_count") or 1))
    assert found
    return found


def test_the_engine_passes(cases: list[Case]) -> None:
    hits = Counter((path, rule_id) for path, _, rule_id in engine_hits([shared() / "data/regression"], folders()))
    missed = [case for case in cases if hits[str(case.path), case.rule_id] < case.at_least]
    assert not missed


def test_the_plain_evaluator_passes(cases: list[Case]) -> None:
    rules = {rule.rule_id: rule for rule in read_rules(folders())[0]}
    missed = [
        case
        for case in cases
        if sum(rules[case.rule_id].matches(event) for _, event in from_file(case.path)) < case.at_least
    ]
    assert not missed
