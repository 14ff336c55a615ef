"""The desk makes incidents of what was found, tells people once, and goes on after a crash as if none had been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from carecordon.hub.news import found as stream2
from carecordon.hub.news.found import Found, Trouble
from carecordon.hub.triage.desk import Desk, Office
from carecordon.model.event import Fields
from carecordon.model.incident import Incident
from carecordon.model.kept import IncidentQuery, IncidentRow
from carecordon.model.match import Level, Match, RuleHead
from carecordon.model.stream import Entry, Part
from carecordon.notify.teller import Teller
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.triage.score import Estate
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.identity import incident_of
from carecordon.register.register import Register
from carecordon.report import story
from carecordon.report.story.catalogue import words_of

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
RULES: RuleSet = load([], {})
WORDS = words_of((resources.files(story) / "words.toml").read_text("utf-8"))


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    SQLITE.prepare(str(tmp_path / "register.db"))
    opened = SQLITE.open_register(str(tmp_path / "register.db"))
    yield opened
    opened.close()


def desk(register: Register, least: Level = Level.HIGH) -> Desk:
    """Return a desk as a process that starts now has it."""
    office = Office("XX1", Teller("Example Trust", ("smtp/soc@example.org",), least), WORDS)
    return Desk(register.cases, RULES, Estate(3), office)


def match(number: int, device: str = "ward-7", level: Level = Level.HIGH, rule: str = "r1") -> Match:
    head = RuleHead(rule, f"Rule {rule}", level, ("T1059",), "x.yml", 1)
    subject: Fields = {"Image": "C:\\bad.exe", "ProcessId": 40, "User": "WPH\\it.lane"}
    fields: Fields = {"CommandLine": f"bad {number}"}
    return Match(head, "5e/9", number, None, T0 + number * SECOND, device, "Security", 4688, fields, subject=subject)


def whole(register: Register, number: int) -> IncidentRow:
    """Return an incident with its body, which lists leave out."""
    row = register.cases.incident(number)
    assert row is not None
    return row


def incidents(register: Register) -> list[Incident]:
    """Return all incidents, whole."""
    return [incident_of(whole(register, row.number).body) for row in register.cases.incidents(IncidentQuery())]


def entry(position: int, *words: stream2.Word) -> Entry:
    return Entry(position, T0, 0, Part("shard-0", 1, position, position, stream2.encode(words)))


def test_matches_become_an_incident_that_people_are_told_of_once(register: Register) -> None:
    one = desk(register)
    assert one.turn([entry(1, Found([match(1), match(2)], [], T0))], T0)
    (row,) = register.cases.incidents(IncidentQuery())
    assert (row.title, row.level, row.devices) == ("Rule r1", Level.HIGH, ("ward-7",))
    assert len(incident_of(whole(register, row.number).body).alerts) == 1
    assert [notice.channel for notice in register.outbox.all()] == ["smtp/soc@example.org"]
    one.turn([entry(2, Found([match(3)], [], T0))], T0 + 5 * SECOND)
    assert len(register.outbox.all()) == 1, "it got no worse"
    assert register.cases.position() == 2


def test_it_says_when_it_is_to_be_asked_again_though_nothing_comes(register: Register) -> None:
    one = desk(register)
    one.turn([entry(1, Found([match(1)], [], T0))], T0)
    first = one.due
    one.turn([entry(2, Found([match(2)], [], T0))], T0 + SECOND // 2)
    due = one.due
    assert (first, due is None) == (None, False)
    assert due is not None
    assert T0 + SECOND <= due < T0 + 2 * SECOND
    one.turn([], due - 1)
    assert [incident.alerts[0].count for incident in incidents(register)] == [1]
    one.turn([], due)
    assert [incident.alerts[0].count for incident in incidents(register)] == [2]


def test_it_is_told_again_when_it_gets_worse(register: Register) -> None:
    one = desk(register)
    one.turn([entry(1, Found([match(1)], [], T0))], T0)
    one.turn([entry(2, Found([match(2, level=Level.CRITICAL, rule="r2")], [], T0))], T0 + 5 * SECOND)
    assert [notice.level for notice in register.outbox.all()] == ["critical", "high"]


def test_a_level_below_what_is_asked_for_is_not_told(register: Register) -> None:
    desk(register).turn([entry(1, Found([match(1, level=Level.MEDIUM)], [], T0))], T0)
    assert len(register.cases.incidents(IncidentQuery())) == 1
    assert register.outbox.all() == []


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_desk_that_starts_anew_goes_on_where_the_last_one_was(register: Register, cut: int, tmp_path: Path) -> None:
    """Two desks, the second from the records of the first, leave what one alone leaves."""
    steps = [entry(number, Found([match(number, rule=f"r{number % 3}")], [], T0)) for number in range(1, 7)]
    SQLITE.prepare(str(tmp_path / "whole.db"))
    other = SQLITE.open_register(str(tmp_path / "whole.db"))
    alone = desk(other)
    for number, step in enumerate(steps):
        alone.turn([step], T0 + number * 2 * SECOND)
    first = desk(register)
    for number, step in enumerate(steps[:cut]):
        first.turn([step], T0 + number * 2 * SECOND)
    second = desk(register)
    for number, step in enumerate(steps[cut:], cut):
        second.turn([step], T0 + number * 2 * SECOND)
    assert incidents(register) == incidents(other)
    assert len(register.outbox.all()) == len(other.outbox.all())
    other.close()


def test_a_step_that_comes_again_changes_nothing(register: Register) -> None:
    step = entry(1, Found([match(1)], [], T0))
    desk(register).turn([step], T0)
    before = register.cases.incidents(IncidentQuery())
    again = desk(register)
    assert again.position == 1
    again.turn([], T0 + SECOND // 2)
    after = register.cases.incidents(IncidentQuery())
    assert [(row.number, row.id, row.body, row.alerts) for row in after] == [
        (row.number, row.id, row.body, row.alerts) for row in before
    ]
    assert len(register.outbox.all()) == 1


def test_what_is_wrong_is_written_down_and_what_cannot_be_read_is_set_aside(register: Register) -> None:
    bad = replace(entry(1), part=Part("shard-0", 1, 1, 1, b"\xc1"))
    desk(register).turn([bad, entry(2, Trouble("name/x", "name", "5e" * 16, "it speaks for others", T0))], T0)
    assert [trouble.text for trouble in register.cases.troubles()] == ["it speaks for others"]
    (letter,) = register.letters.all()
    kept = register.letters.get(letter.number)
    assert kept is not None
    assert kept.letter.payload == b"\xc1"
    assert register.cases.position() == 2
