"""A rule that does not load any more goes on as it was, over restarts and releases, until it is mended or gone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from carecordon.hub.config import Paths, Settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.worker import rules as worker_rules
from carecordon.hub.worker.notes import Notes
from carecordon.hub.worker.rules import RuleWatch
from carecordon.hub.worker.rules_in_use import RulesInUse
from carecordon.model.errors import TheirFault
from carecordon.pipeline.detect.disk import rulebook
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.hub.test_costly import ALL, EVIL, RULES
from tests.hub.test_rules_in_use import EXCEPTION, ids, until

ONE, OTHER = RULES.split("---")
BURST_ID = "51111111-2222-4333-8444-555555555555"
BURST = f"""
title: Many
id: {BURST_ID}
correlation: {{type: event_count, rules: [{ALL}], group-by: [User], timespan: 1m, condition: {{gte: 3}}}}
"""
TYPO = ONE.replace("condition: selection", "condition: selektion")
BROKEN = [
    pytest.param(TYPO, id="refused"),
    pytest.param(ONE + "  x: {", id="no YAML"),
    pytest.param(TYPO.replace("id:", "idd:"), id="without its id"),
    pytest.param(ONE + "\udcff", id="no text"),
]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found(made, Wishes("XX1", "Example Trust", "B. Osei"), 1)
    made.rules.mkdir()
    return made


@pytest.fixture
def register(paths: Paths) -> Iterator[Register]:
    opened = SQLITE.open_register(str(paths.register))
    yield opened
    opened.close()


def start(paths: Paths, register: Register, *named: str) -> RulesInUse:
    """Return the rules as a worker that begins has them; `named` are those of the settings."""
    lines = 'ods = "XX1"\nname = "Example Trust"\nown_rules = false\n'
    paths.settings.write_text(f"{lines}rules = {list(named)}\n")
    settings = Settings("XX1", "Example Trust", own_rules=False, rules=named)
    complaints, notes = Complaints(register.cases, time.time_ns), Notes(register, time.time_ns)
    rules = RulesInUse(settings, paths, complaints, notes, structlog.get_logger(), 0, 1)
    rules.look(0, 0.0)
    return rules


def write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))


def fields(rules: RulesInUse) -> list[str]:
    """Return which fields the only rule asks for."""
    (rule,) = rules.detector.rules.rules
    return list(rule.fields)


def told(register: Register) -> dict[str, str]:
    return {one.key: one.text for one in register.cases.troubles()}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_rule_that_is_none_any_more_goes_on_until_it_is_mended(paths: Paths, register: Register, broken: str) -> None:
    file = paths.rules / "one.yml"
    write(file, ONE)
    rules = start(paths, register)
    (before,) = rules.detector.rules.rules
    write(file, broken)
    until(rules, lambda: "rules/former" in told(register))
    assert rules.detector.rules.rules == (before,)
    troubles = told(register)
    assert f"'Matches everything' of {file}" in troubles["rules/former"]
    assert str(file) in troubles["rules/refused"]
    for _ in range(2):
        rules = start(paths, register)
        assert rules.detector.rules.rules == (before,)
        assert told(register) == troubles
    write(file, ONE.replace("level: low", "level: medium"))
    until(rules, lambda: not told(register))
    assert [one.level for one in rules.detector.rules.rules] == ["medium"]


def test_what_stands_beside_it_is_taken_up(paths: Paths, register: Register) -> None:
    file = paths.rules / "both.yml"
    write(file, RULES)
    rules = start(paths, register)
    write(file, f"{TYPO}---{OTHER.replace('level: low', 'level: high')}")
    until(rules, lambda: "rules/former" in told(register))
    assert {one.id: one.level for one in rules.detector.rules.rules} == {ALL: "low", EVIL: "high"}


def test_a_rule_that_is_taken_away_is_gone(paths: Paths, register: Register) -> None:
    write(paths.rules / "both.yml", RULES)
    rules = start(paths, register)
    write(paths.rules / "both.yml", TYPO)
    until(rules, lambda: "rules/former" in told(register))
    assert ids(rules) == {ALL}
    (paths.rules / "both.yml").unlink()
    until(rules, lambda: not told(register))
    assert ids(rules) == set()
    write(paths.rules / "both.yml", TYPO)
    until(rules, lambda: bool(told(register)))
    assert ids(rules) == set(), "and does not come back"


def test_a_correlation_goes_on_with_its_rule(paths: Paths, register: Register) -> None:
    write(paths.rules / "one.yml", ONE)
    write(paths.rules / "burst.yml", BURST)
    rules = start(paths, register)
    write(paths.rules / "one.yml", TYPO)
    write(paths.rules / "burst.yml", BURST.replace("gte: 3", "gte: 4"))
    until(rules, lambda: "rules/former" in told(register))
    (burst,) = rules.detector.rules.correlations
    assert burst.bounds == (("gte", 4.0),), "it is as it is now, since it loads"
    assert len(rules.detector.rules.refused) == 1
    write(paths.rules / "burst.yml", BURST.replace("gte: 3", "gte: many"))
    until(rules, lambda: "'Many'" in told(register)["rules/former"])
    (burst,) = rules.detector.rules.correlations
    assert burst.bounds == (("gte", 4.0),), "and now as it last was"
    assert len(rules.detector.rules.refused) == 2


def test_an_exception_that_does_not_load_is_not_used(paths: Paths, register: Register) -> None:
    write(paths.rules / "one.yml", ONE)
    write(paths.rules / "exception.yml", EXCEPTION)
    rules = start(paths, register)
    assert fields(rules) == ["CommandLine", "EventID"]
    write(paths.rules / "exception.yml", EXCEPTION.replace("not selection", "not selektion"))
    until(rules, lambda: "rules/refused" in told(register))
    assert fields(rules) == ["EventID"]
    assert "rules/former" not in told(register)


@pytest.mark.parametrize("is_emptied", [False, True])
def test_a_place_that_is_missing_at_a_start_goes_on_as_it_was(
    paths: Paths, register: Register, tmp_path: Path, is_emptied: bool
) -> None:
    write(paths.rules / "one.yml", ONE)
    place = tmp_path / "mounted"
    place.mkdir()
    write(place / "other.yml", OTHER)
    start(paths, register, str(place))
    (place / "other.yml").unlink()
    if not is_emptied:
        place.rmdir()
    rules = start(paths, register, str(place))
    assert ids(rules) == {ALL, EVIL}
    assert str(place) in told(register)["rules/unread"]
    assert "rules/former" not in told(register), "said once, of the place"
    write(paths.rules / "one.yml", ONE.replace("level: low", "level: medium"))
    until(rules, lambda: {one.level for one in rules.detector.rules.rules} == {"medium", "low"})
    assert ids(rules) == {ALL, EVIL}
    place.mkdir(exist_ok=True)
    write(place / "other.yml", OTHER)
    until(rules, lambda: not told(register))
    assert ids(rules) == {ALL, EVIL}


def test_a_file_that_is_emptied_goes_on_as_it_was_and_is_told(paths: Paths, register: Register) -> None:
    write(paths.rules / "one.yml", ONE)
    write(paths.rules / "other.yml", OTHER)
    rules = start(paths, register)
    write(paths.rules / "one.yml", "\n")  # as a full disk leaves it, or whoever is about to write it
    until(rules, lambda: "rules/unread" in told(register))
    assert "one.yml: it is empty" in told(register)["rules/unread"]
    assert ids(rules) == ids(start(paths, register)) == {ALL, EVIL}
    write(paths.rules / "one.yml", TYPO)
    until(rules, lambda: "rules/former" in told(register))
    assert ids(rules) == {ALL, EVIL}


def test_what_cannot_be_read_for_a_while_is_read_again_though_no_file_changes(
    paths: Paths, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(paths.rules / "one.yml", ONE)
    start(paths, register)
    write(paths.rules / "one.yml", ONE.replace("level: low", "level: medium"))
    aged = time.time_ns() - 60 * 1_000_000_000
    os.utime(paths.rules / "one.yml", ns=(aged, aged))

    def fails(path: Path) -> Any:
        raise TheirFault(f"{path}: too many open files")

    monkeypatch.setattr(worker_rules, "AGAIN_S", 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(worker_rules, "read_files", fails)
        rules = start(paths, register)
        assert ([one.level for one in rules.detector.rules.rules], ids(rules)) == (["low"], {ALL})
    assert [one.level for one in start(paths, register).detector.rules.rules] == ["medium"], "at the next start"
    until(rules, lambda: [one.level for one in rules.detector.rules.rules] == ["medium"])


def test_a_place_that_never_was_is_told_and_the_others_are_used(paths: Paths, register: Register) -> None:
    write(paths.rules / "one.yml", ONE)
    rules = start(paths, register, "gone")
    assert ids(rules) == {ALL}
    assert f"{paths.data / 'gone'}: no such file or folder" in told(register)["rules/unread"]
    settings = Settings("XX1", "Example Trust", own_rules=False, rules=("gone",))
    assert [one.id for one in RuleWatch(settings, paths).first_abridged().rules] == [ALL], "triage starts too"


def test_another_release_knows_what_was_good(paths: Paths, register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    write(paths.rules / "one.yml", ONE)
    start(paths, register)
    monkeypatch.setattr(rulebook, "source_hash", lambda _: "another")
    write(paths.rules / "one.yml", TYPO)
    assert ids(start(paths, register)) == {ALL}
