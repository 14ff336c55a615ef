"""Correlations at the desk, where clocks are wrong and devices come late: what belongs together is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from carecordon.hub.news.found import Found
from carecordon.hub.triage.desk import HORIZON_NS, Desk, Office
from carecordon.hub.worker.detector import AHEAD_NS
from carecordon.model.event import Fields
from carecordon.model.kept import AlertQuery, AlertRow, IncidentQuery
from carecordon.model.match import Level, Match
from carecordon.notify.notice import decode
from carecordon.notify.teller import Teller
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.pipeline.detect.sigma.heads import head_of
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.triage.score import Estate
from carecordon.register.register import Register
from tests.hub.test_desk import SECOND, T0, WORDS, entry, match, register
from tests.replacing import replace

__all__ = ["register"]
MANY = """
title: Many
name: many
id: 22222222-2222-4333-8444-555555555555
status: test
correlation:
  type: event_count
  rules: [base]
  group-by: [User]
  timespan: 5m
  condition: {gte: 3}
level: high
"""
BASE = """
title: Base
name: base
id: 11111111-2222-4333-8444-555555555555
status: test
level: low
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: mischief}
  condition: selection
"""
Make = Callable[[int, int, str, str], Match]


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    (tmp_path / "a.yml").write_text(BASE)
    (tmp_path / "b.yml").write_text(MANY)
    return read_rulebook([tmp_path / "a.yml", tmp_path / "b.yml"], DiskCache(tmp_path / "c"), own=False).rules


def opened(register: Register, rules: RuleSet, now: int) -> Desk:
    return Desk(register.cases, rules, Estate(3), Office("XX1", Teller("T", ("s",), Level.HIGH), WORDS), 1, now)


def found(rules: RuleSet, number: int, at: int, user: str, device: str) -> Match:
    """Return a match `at` seconds after T0."""
    fields: Fields = {"CommandLine": f"mischief {number}", "User": user}
    head = head_of(rules.rules[0])
    return replace(match(number, device=device), rule=head, time=T0 + at * SECOND, carried=fields, fields=fields)


def burst(rules: RuleSet, at: int, count: int = 3) -> list[Match]:
    return [found(rules, 10 + one, at + one, "eve", "ward-9") for one in range(count)]


def go_by(one: Desk, since: int, until: int) -> None:
    """Let the hub's clock go from so many seconds after T0 to so many."""
    for second in range(since, until, 20):
        one.turn([], T0 + second * SECOND)


def alerts(register: Register) -> list[AlertRow]:
    """Return the alerts that are correlations."""
    return [row for row in register.cases.alerts(AlertQuery()) if row.title == "Many"]


def titles(register: Register) -> list[str]:
    return [row.title for row in register.cases.incidents(IncidentQuery())]


@pytest.mark.parametrize("ahead_s", [30, 90, 599])
def test_one_fast_clock_closes_nobodys_windows(register: Register, rules: RuleSet, ahead_s: int) -> None:
    one = opened(register, rules, T0)
    one.turn([entry(1, Found([found(rules, 1, ahead_s, "bob", "fast")], [], T0))], T0)
    one.turn([entry(2, Found(burst(rules, 0), [], T0))], T0 + 3 * SECOND)
    go_by(one, 10, 600)
    assert titles(register).count("Many") == 1


@pytest.mark.parametrize("late_s", [0, 120, 86_400, 30 * 86_400])
def test_what_a_device_did_while_it_was_away_is_found(register: Register, rules: RuleSet, late_s: int) -> None:
    one = opened(register, rules, T0)
    one.turn([entry(1, Found([found(rules, 1, 0, "bob", "online")], [], T0))], T0)
    for place, late in enumerate(burst(rules, 5 - late_s), 2):
        one.turn([entry(place, Found([late], [], T0))], T0 + (5 + 3 * place) * SECOND)
    go_by(one, 20, 900)
    assert titles(register).count("Many") == 1


def test_two_of_three_are_not_enough_however_late(register: Register, rules: RuleSet) -> None:
    one = opened(register, rules, T0)
    one.turn([entry(1, Found([found(rules, 1, 0, "bob", "online")], [], T0))], T0)
    one.turn([entry(2, Found(burst(rules, -600, 2), [], T0))], T0 + 5 * SECOND)
    go_by(one, 10, 900)
    assert "Many" not in titles(register)


@pytest.mark.parametrize("down_s", [1, 100, 2_000])
def test_a_restart_neither_loses_a_burst_nor_tells_it_twice(register: Register, rules: RuleSet, down_s: int) -> None:
    one = opened(register, rules, T0)
    one.turn([entry(1, Found(burst(rules, 0), [], T0))], T0 + 3 * SECOND)
    ids: set[str] = set()
    for _ in range(2):
        one = opened(register, rules, T0 + (3 + down_s) * SECOND)
        go_by(one, 3 + down_s, 900 + down_s)
        assert titles(register).count("Many") == 1
        (alert,) = alerts(register)
        assert (alert.device, alert.count, alert.level) == ("ward-9", 3, Level.HIGH)
        assert (alert.first, alert.last) == (T0, T0 + 2 * SECOND)
        assert alert.entity.startswith("User=eve|")
        ids.add(alert.id)
    assert len(ids) == 1
    assert len(register.outbox.all()) == 1


@pytest.mark.parametrize("seen", [1, 2])
def test_a_burst_of_events_that_two_rules_match_is_told_by_both_after_a_restart(
    register: Register, tmp_path: Path, rules: RuleSet, seen: int
) -> None:
    """`seen` of the three before triage was started anew."""
    other = tmp_path / "c.yml"
    other.write_text(BASE.replace("1111-", "3333-").replace("ase", "ash"))
    others = tmp_path / "d.yml"
    others.write_text(MANY.replace("2222-", "4444-").replace("base", "bash").replace("any", "any more"))
    files = [tmp_path / f"{name}.yml" for name in "abcd"]
    rules = read_rulebook(files, DiskCache(tmp_path / "c"), own=False).rules
    both = [replace(one, rule=head_of(rule)) for one in burst(rules, 0) for rule in rules.rules]
    one = opened(register, rules, T0)
    one.turn([entry(1, Found(both[: 2 * seen], [], T0))], T0 + seen * SECOND)
    one = opened(register, rules, T0 + seen * SECOND)
    one.turn([entry(2, Found(both[2 * seen :], [], T0))], T0 + 3 * SECOND)
    go_by(one, 10, 900)
    rows = register.cases.alerts(AlertQuery())
    assert sorted((row.title, row.count) for row in rows if row.title.startswith("Many")) == [
        ("Many", 3),
        ("Many more", 3),
    ]


def test_each_burst_is_an_alert_of_its_own_and_keeps_its_id_when_an_earlier_one_is_found(
    register: Register, rules: RuleSet
) -> None:
    one = opened(register, rules, T0)
    one.turn([entry(1, Found([found(rules, 1, 0, "bob", "online")], [], T0))], T0)
    one.turn([entry(2, Found(burst(rules, 600), [], T0))], T0 + 603 * SECOND)
    go_by(one, 610, 1_500)
    (late,) = alerts(register)
    before = [replace(match, position=match.position + 100) for match in burst(rules, 0)]
    one.turn([entry(3, Found(before, [], T0))], T0 + 1_503 * SECOND)
    go_by(one, 1_510, 2_600)
    second, first = alerts(register)
    assert (second.id, second.first, second.known) == (late.id, late.first, late.known)
    assert (first.first, first.count, first.incident) == (T0, 3, second.incident)
    assert first.id != second.id
    for row in (first, second):
        assert register.cases.alert(row.id) == row
    again = opened(register, rules, T0 + 2_610 * SECOND)
    go_by(again, 2_610, 3_600)
    assert [row.id for row in alerts(register)] == [second.id, first.id]


def test_a_correlation_over_several_devices_is_an_alert_of_none_of_them(register: Register, rules: RuleSet) -> None:
    one = opened(register, rules, T0)
    spread = [replace(match, device=f"ward-{place}") for place, match in enumerate(burst(rules, 0))]
    one.turn([entry(1, Found(spread, [], T0))], T0 + 3 * SECOND)
    go_by(one, 10, 900)
    (alert,) = alerts(register)
    assert (alert.device, alert.count) == ("", 3)
    assert alert.entity.startswith("User=eve|")
    row = register.cases.incident(alert.incident)
    assert row is not None
    assert len(row.devices) == 3
    assert row.alerts == len(register.cases.alerts(AlertQuery(incident=alert.incident)))


def test_what_a_correlation_made_of_unshown_matches_is_about_is_told(register: Register, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(BASE)
    (tmp_path / "b.yml").write_text(MANY.replace("condition:", "generate: false\n  condition:"))
    silent = read_rulebook([tmp_path / "a.yml", tmp_path / "b.yml"], DiskCache(tmp_path / "c"), own=False).rules
    one = opened(register, silent, T0)
    hidden = [replace(match, rule=replace(match.rule, is_silent=True)) for match in burst(silent, 0)]
    one.turn([entry(1, Found(hidden, [], T0))], T0 + 3 * SECOND)
    go_by(one, 10, 900)
    (only,) = register.cases.alerts(AlertQuery())
    assert only.title == "Many"
    (notice,) = register.outbox.all()
    assert "`C:\\bad.exe`" in decode(notice.body).text, "the first of its events is told"


def test_after_the_clock_was_ahead_bursts_are_found(register: Register, rules: RuleSet) -> None:
    ahead = T0 + 3_650 * 86_400 * SECOND
    one = opened(register, rules, ahead)
    one.turn([entry(1, Found([replace(found(rules, 1, 0, "bob", "untimed"), time=ahead)], [], ahead))], ahead)
    go_by(one, 3_650 * 86_400 + 10, 3_650 * 86_400 + 400)
    one.turn([entry(2, Found(burst(rules, 0), [], T0))], T0 + 3 * SECOND)
    go_by(one, 10, 600)
    assert titles(register).count("Many") == 1


def test_what_comes_in_no_order_at_all_is_told_as_a_trouble(register: Register, rules: RuleSet) -> None:
    """A device that catches up tells of one minute, then of ten minutes before: nobody can hold that together."""
    one = opened(register, rules, T0)
    one.turn([entry(1, Found([found(rules, 1, 0, "bob", "online")], [], T0))], T0)
    for place, at in enumerate((-6_000, -7_000, -8_000), 2):
        one.turn([entry(place, Found([found(rules, place, at, "eve", "ward-9")], [], T0))], T0 + place * SECOND)
    go_by(one, 10, 900)
    (trouble,) = register.cases.troubles()
    assert (trouble.kind, trouble.count) == ("blind", 2)
    assert "too late for its window" in trouble.text


def test_windows_that_cannot_be_worked_on_stop_nothing_else(
    register: Register, rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(register, rules, T0)
    one.turn([entry(1, Found(burst(rules, 0), [], T0))], T0 + 3 * SECOND)

    def choke(*_: object) -> None:
        raise ValueError("a bone")

    monkeypatch.setattr("carecordon.pipeline.triage.windows.Sliding.close", choke)
    one.turn([], T0 + 500 * SECOND)
    monkeypatch.undo()
    one.turn([entry(2, Found(burst(rules, 600), [], T0))], T0 + 603 * SECOND)
    go_by(one, 610, 1_500)
    assert titles(register).count("Many") == 1
    assert "a bone" in register.cases.troubles()[0].text


def test_no_clock_may_run_further_ahead_than_others_are_waited_for() -> None:
    assert AHEAD_NS < HORIZON_NS
