"""Rules whose files are as they were are not read again, and whatever changes a file has them read."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from carecordon.hub.config import Paths, Settings
from carecordon.hub.worker import rules
from carecordon.hub.worker.rules import RuleWatch, cache_of, read_rules
from carecordon.pipeline.detect.disk import rulebook
from carecordon.pipeline.detect.disk.rulebook import Rulebook, recalled
from carecordon.pipeline.detect.sigma.heads import head_of
from carecordon.pipeline.detect.sigma.ir import Abridged, RuleSet
from tests.hub.test_exceptions import OWNED, RULE

TODAY = date(2026, 11, 27)
BURST = """
title: Many bad words
id: 9c1d6f0e-0c5b-4f5e-9f0e-7f1f4a3b2c1d
correlation:
  type: event_count
  rules: [11111111-2222-4333-8444-555555555555]
  group-by: [User]
  timespan: 1m
  condition: {gte: 3}
"""
SETTINGS = Settings("XX1", "Example", own_rules=False)


class Reading:
    """Rules in a folder, and how often they were read."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths = Paths(folder, folder / "keys")
        self.paths.rules.mkdir()
        self.rule = self.paths.rules / "rule.yml"
        self.rule.write_text(RULE)
        self.times = 0
        compiled = rulebook.compile_rules

        def counted(*given: object, **named: object) -> Rulebook:
            self.times += 1
            return compiled(*given, **named)  # type: ignore[arg-type]  # handed on as it came

        monkeypatch.setattr(rules, "compile_rules", counted)

    def titles(self, day: date = TODAY) -> list[str]:
        return [rule.title for rule in read_rules(SETTINGS, self.paths, day).rules.rules]


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(tmp_path, monkeypatch)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take files for settled that were written just now."""
    monkeypatch.setattr(rules, "SETTLED_NS", -(1 << 62))


@pytest.mark.usefixtures("settled")
def test_what_is_as_it_was_is_not_read(reading: Reading) -> None:
    assert reading.titles() == reading.titles() == ["Bad word"]
    assert reading.times == 1


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_again_that_looks_the_same_by_size_and_time(reading: Reading) -> None:
    reading.titles()
    before = reading.rule.stat()
    reading.rule.write_text(RULE.replace("Bad word", "Ill word"))
    os.utime(reading.rule, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reading.rule.stat().st_size == before.st_size
    assert reading.titles() == ["Ill word"]


@pytest.mark.usefixtures("settled")
def test_an_exception_that_came_or_is_over_is_noticed(reading: Reading) -> None:
    def fields(day: date) -> bool:
        (rule,) = read_rules(SETTINGS, reading.paths, day).rules.rules
        return "User" in rule.fields

    assert not fields(TODAY)
    (reading.paths.rules / "night.yml").write_text(OWNED + "expires: 2026-11-28\n")
    assert fields(TODAY)
    assert not fields(date(2026, 11, 28))


@pytest.mark.usefixtures("settled")
def test_other_settings_are_other_rules(reading: Reading) -> None:
    reading.titles()
    with_own = read_rules(Settings("XX1", "Example", own_rules=True), reading.paths, TODAY)
    assert len(with_own.rules.rules) > 1


def test_a_file_that_changed_this_moment_is_read_again(reading: Reading) -> None:
    """It may change once more within one tick of the file system's clock, and look the same."""
    assert reading.titles() == reading.titles()
    assert reading.times == 2


@pytest.mark.usefixtures("settled")
def test_what_another_program_compiled_is_not_taken(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    reading.titles()
    monkeypatch.setattr(rulebook, "source_hash", lambda _: "another")
    reading.titles()
    assert reading.times == 2


def test_a_note_that_is_none_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    cache = cache_of(Paths(tmp_path, tmp_path))
    assert recalled("a", cache) is None
    cache.save("book-a", b"\xc1")
    assert recalled("a", cache) is None


@pytest.mark.usefixtures("settled")
def test_what_there_is_to_tell_of_rules_is_the_same_whether_they_are_read_whole_or_not(reading: Reading) -> None:
    (reading.paths.rules / "burst.yml").write_text(BURST)

    def heads(rules: RuleSet | Abridged) -> list[object]:
        return [*map(head_of, rules.rules), *rules.correlations]

    made = RuleWatch(SETTINGS, reading.paths).first_abridged()  # nothing is kept of them yet
    watch = RuleWatch(SETTINGS, reading.paths)
    kept = watch.first_abridged()
    assert reading.times == 1
    assert [one.title for one in kept.rules] == ["Bad word"]
    assert [one.title for one in kept.correlations] == ["Many bad words"]
    assert heads(made) == heads(kept) == heads(watch.first().rules)
