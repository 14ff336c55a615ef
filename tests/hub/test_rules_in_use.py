"""Rules change while the hub runs; what does not load changes nothing, and what costs too much is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from carecordon.hub.config import Paths, Settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.worker.costly import EVENTS, LAG_S
from carecordon.hub.worker.rules_in_use import RulesInUse
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.hub.test_costly import ALL, EVIL, RULES

DEADLINE_S = 120.0
ONE, OTHER = RULES.split("---")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found(made, Wishes("XX1", "Example Trust", "B. Osei"), 1)
    made.settings.write_text('ods = "XX1"\nname = "Example Trust"\nown_rules = false\n')
    made.rules.mkdir()
    (made.rules / "one.yml").write_text(ONE)
    return made


@pytest.fixture
def register(paths: Paths) -> Iterator[Register]:
    opened = SQLITE.open_register(str(paths.register))
    yield opened
    opened.close()


@pytest.fixture
def rules(paths: Paths, register: Register) -> RulesInUse:
    settings = Settings("XX1", "Example Trust", own_rules=False)
    return RulesInUse(settings, paths, Complaints(register.cases, time.time_ns), structlog.get_logger(), tells=True)


def ids(rules: RulesInUse) -> set[str]:
    return {rule.id for rule in rules.detector.rules.rules}


def until(rules: RulesInUse, claim: Callable[[], bool]) -> None:
    """Let the rules be looked at until the claim holds."""
    end = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < end, "it did not come about"
        rules.look(0, 0.0)


def test_a_changed_folder_is_taken_up(paths: Paths, rules: RulesInUse) -> None:
    assert ids(rules) == {ALL}
    (paths.rules / "other.yml").write_text(OTHER)
    until(rules, lambda: ids(rules) == {ALL, EVIL})


def test_a_rule_that_is_none_is_told_and_the_others_stay(paths: Paths, rules: RulesInUse, register: Register) -> None:
    (paths.rules / "other.yml").write_text("title: nothing\n")
    until(rules, lambda: any("rules were refused" in one.text for one in register.cases.troubles()))
    assert ids(rules) == {ALL}
    (paths.rules / "other.yml").unlink()
    until(rules, lambda: not register.cases.troubles())


def test_rules_that_do_not_load_leave_the_former_ones_in_use(
    paths: Paths, rules: RulesInUse, register: Register
) -> None:
    (paths.rules / "one.yml").unlink()  # none are left at all, and a named folder that holds none is a fault
    paths.settings.write_text('ods = "XX1"\nname = "Example Trust"\nown_rules = false\nrules = ["gone"]\n')
    until(rules, lambda: any("do not load" in one.text for one in register.cases.troubles()))
    assert ids(rules) == {ALL}


def test_a_dear_rule_is_left_out_until_the_rules_change(
    paths: Paths, rules: RulesInUse, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carecordon.hub.worker.detector.Detector.work", lambda _: {ALL: 10**12})
    rules.look(EVENTS, LAG_S)
    assert ids(rules) == set()
    (trouble,) = register.cases.troubles()
    assert "'Matches everything' is switched off" in trouble.text
    monkeypatch.undo()
    (paths.rules / "one.yml").write_text(ONE.replace("level: low", "level: medium"))
    until(rules, lambda: ids(rules) == {ALL})
    assert register.cases.troubles() == []
