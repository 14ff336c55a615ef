"""What goes wrong at the desk: bad matches, bad records, wrong clocks, a log that is another one. It goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from carecordon.hub.news import found as stream2
from carecordon.hub.news.found import Found
from carecordon.hub.triage.desk import Desk, Office
from carecordon.model.event import Fields
from carecordon.model.incident import Incident
from carecordon.model.kept import AlertQuery, Commit, IncidentQuery, IncidentRow
from carecordon.model.match import Level, Match
from carecordon.model.stream import Part
from carecordon.notify.teller import Teller
from carecordon.pipeline.triage.score import Estate
from carecordon.pipeline.triage.subject import Subject, subject_of
from carecordon.pipeline.triage.tell import tell
from carecordon.pipeline.triage.unit import Unit
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub.test_desk import RULES, SECOND, T0, WORDS, desk, entry, match, register
from tests.replacing import replace

__all__ = ["register"]
HOUR = 3_600 * SECOND
YEARS = 3_650 * 24 * HOUR


def of(register: Register, device: str) -> list[IncidentRow]:
    """Return the incidents of a device."""
    return [row for row in register.cases.incidents(IncidentQuery()) if device in row.devices]


def reading(register: Register, epoch: int) -> Desk:
    """Return a desk that reads stream 2 from the log of this epoch."""
    office = Office("XX1", Teller("Example Trust", ("smtp/soc@example.org",), Level.HIGH), WORDS)
    return Desk(register.cases, RULES, Estate(3), office, epoch, T0)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_match_that_nothing_can_work_on_is_set_aside_alone(
    register: Register, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    def choke(one: Match) -> Subject:
        if one.position == 2:
            raise ValueError("a bone")
        return subject_of(one)

    monkeypatch.setattr("carecordon.pipeline.triage.unit.subject_of", choke)
    one = desk(register)
    entries = [entry(place, Found([match(place, device=f"pc-{place}")], [], T0)) for place in (1, 2, 3)]
    for pull in [entries] if at_once else [[single] for single in entries]:
        one.turn(pull, T0)
    one.turn([], T0 + 5 * SECOND)
    assert (one.position, register.cases.position()) == (3, 3)
    assert [len(of(register, f"pc-{place}")) for place in (1, 2, 3)] == [1, 0, 1]
    (letter,) = register.letters.all()
    assert "a bone" in letter.letter.reason
    assert [trouble.kind for trouble in register.cases.troubles()] == ["poison"]


def test_an_incident_that_cannot_be_told_keeps_no_other_from_it(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choke(name: str, aliases: tuple[str, ...], units: Sequence[Unit], *rest: Any) -> Incident:
        if any(unit.device == "pc-1" for unit in units):
            raise ValueError("a bone")
        return tell(name, aliases, units, *rest)

    monkeypatch.setattr("carecordon.pipeline.triage.group.tell", choke)
    one = desk(register)
    other: Fields = {"Image": "C:\\other.exe", "ProcessId": 41, "User": "WPH\\else"}
    both = [match(1, device="pc-1"), replace(match(2, device="pc-2", rule="r2"), subject=other)]
    one.turn([entry(1, Found(both, [], T0))], T0)
    assert len(of(register, "pc-2")) == 1
    assert "a bone" in register.cases.troubles()[0].text


def test_a_record_that_cannot_be_read_is_set_aside(register: Register) -> None:
    desk(register).turn([entry(1, Found([match(1)], [], T0))], T0)
    register.cases.commit(Commit(T0, 1, 1, {("unit", "x"): b"\xc1"}))
    one = desk(register)
    one.turn([entry(2, Found([match(2)], [], T0))], T0 + 5 * SECOND)
    assert ("unit", "x") not in dict(register.cases.records())
    (letter,) = register.letters.all()
    assert letter.letter.where == "state of triage: unit/x"
    assert [trouble.kind for trouble in register.cases.troubles()] == ["damage"]
    assert len(of(register, "ward-7")) == 1


@pytest.mark.parametrize("body", [b"\xc1", b"\x94\xa1\xff", b"\x90"], ids=["no body", "no text", "too little"])
@pytest.mark.parametrize("comes", ["ward-7", "pc-2", ""])
def test_a_unit_whose_body_is_damaged_is_set_aside_when_somebody_asks_for_it(
    register: Register, comes: str, body: bytes
) -> None:
    """Bodies stay closed when the state is taken up: most are not asked for."""
    desk(register).turn([entry(1, Found([match(1), match(2, device="pc-2")], [], T0))], T0)
    records = register.cases.records()
    ((key, record),) = [one for one in records if one[0][0] == "unit" and "pc-2" in one[0]]
    fields = msgspec.msgpack.decode(record)
    fields[5] = body
    register.cases.commit(Commit(T0, 1, 1, {key: msgspec.msgpack.encode(fields), ("untold", "pc-2"): b"\xc3"}))
    one = desk(register)
    assert not register.letters.all()
    later = [entry(2, Found([match(3, device=comes)], [], T0))] if comes else []
    one.turn(later, T0 + 5 * SECOND)
    one.turn([], T0 + 9 * SECOND)
    assert one.position == 1 + len(later)
    assert (key in dict(register.cases.records())) == (comes == "pc-2"), "what comes on it begins it anew"
    (letter,) = register.letters.all()
    assert letter.letter.where == "state of triage: " + "/".join(key)
    assert letter.letter.reason.startswith("the record cannot be read: its body: ")
    assert [trouble.kind for trouble in register.cases.troubles()] == ["damage"]
    (row,) = of(register, "ward-7")
    (alert,) = register.cases.alerts(AlertQuery(incident=row.number, device="ward-7"))
    assert alert.count == 1 + (comes == "ward-7")


def test_a_process_that_cannot_be_read_is_set_aside_when_somebody_asks_for_its_device(register: Register) -> None:
    desk(register).turn([entry(1, Found([match(1)], [], T0))], T0)
    key = ("start", "ward-7", "s:1", "5")
    register.cases.commit(Commit(T0, 1, 1, {key: b"\x90"}))
    one = desk(register)
    assert not register.letters.all()
    one.turn([entry(2, Found([match(2)], [], T0))], T0 + 5 * SECOND)
    assert one.position == 2
    assert key not in dict(register.cases.records())
    (letter,) = register.letters.all()
    assert letter.letter.where == "state of triage: " + "/".join(key)
    (row,) = of(register, "ward-7")
    (alert,) = register.cases.alerts(AlertQuery(incident=row.number))
    assert alert.count == 2


def test_a_clock_that_is_set_back_delays_no_incident(register: Register) -> None:
    one = desk(register)
    for place in range(1, 9):
        step = entry(place, Found([match(place, device=f"pc-{place}", rule=f"r{place}")], [], T0))
        one.turn([step], T0 + place * 2 * SECOND)
    back = T0 - HOUR
    one.turn([entry(9, Found([match(9, device="new", rule="new")], [], T0))], back)
    one.turn([], back + 5 * SECOND)
    assert len(of(register, "new")) == 1


@pytest.mark.parametrize("how", ["restart", "rules"])
def test_an_incident_keeps_its_name_from_one_look_to_the_next(register: Register, how: str) -> None:
    """A unit is written before its incident is named; after a restart an earlier event of it comes."""

    def found(number: int, who: str, at: int) -> Match:
        subject: Fields = {"Image": f"C:\\{who}.exe", "ProcessId": 40, "User": f"WPH\\{who}"}
        one = match(number, device=who, rule=f"rule of {who}")
        return replace(one, time=T0 + at * SECOND, subject=subject)

    one = desk(register)
    for place in range(1, 6):  # so many that half is not new
        one.turn([entry(place, Found([found(place, f"pc-{place}", place * 9)], [], T0))], T0 + place * 12 * SECOND)
    now = T0 + 60 * SECOND + 1
    one.turn([entry(6, Found([found(20, "victim", 50)], [], T0))], now)
    assert of(register, "victim") == [], "it is not time yet"
    one.turn([], now + 2 * SECOND)
    told = len(register.outbox.all())
    if how == "restart":
        one = desk(register)
    else:
        one.change_rules(RULES, Estate(3))
    one.turn([entry(7, Found([found(10, "victim", 40)], [], T0))], now + 4 * SECOND)
    one.turn([], now + 6 * SECOND)
    assert len(of(register, "victim")) == 1
    assert len(register.outbox.all()) == told


@pytest.mark.parametrize("restarts", [True, False])
def test_after_the_clock_was_ahead_matches_are_grouped_again(register: Register, restarts: bool) -> None:
    one = desk(register)
    ahead = T0 + YEARS
    one.turn([entry(1, Found([replace(match(1, device="untimed"), time=ahead)], [], ahead))], ahead)
    one.turn([], ahead + 2 * SECOND)
    if restarts:
        one = desk(register)
    for place in range(2, 8):
        one.turn([entry(place, Found([match(place, rule=f"r{place}")], [], T0))], T0 + place * 2 * SECOND)
    assert len(of(register, "ward-7")) == 1
    assert not [key for key, _ in register.cases.records() if key[:1] == ("unit",) and "untimed" in key]


@pytest.mark.parametrize("behind", [3 * 24 * HOUR, YEARS])
def test_a_device_that_is_years_behind_makes_no_incident_of_each_match(register: Register, behind: int) -> None:
    one = desk(register)
    one.turn([entry(1, Found([match(1, device="right")], [], T0))], T0)
    for place in range(2, 12):
        late = replace(match(place, device="behind", rule="r9"), time=T0 - behind + place * SECOND)
        one.turn([entry(place, Found([late], [], T0))], T0 + place * 2 * SECOND)
        if place == 6:
            one = desk(register)
    assert len(of(register, "behind")) == 1
    assert len(register.outbox.all()) == 2
    one.turn([entry(12, Found([replace(match(99, device="now"), time=T0 + 60 * HOUR)], [], T0))], T0 + 60 * HOUR)
    units = [key for key, _ in register.cases.records() if key[0] == "unit"]
    assert len(units) == 1, "two days later it is settled"


def test_a_log_that_is_made_anew_is_read_from_its_beginning(register: Register, tmp_path: Path) -> None:
    before = reading(register, 1)
    before.turn([entry(place, Found([match(place)], [], T0)) for place in range(1, 6)], T0)
    log = STREAM.open(str(tmp_path / "found.db"), 1)
    data = stream2.encode([Found([match(9, device="after")], [], T0)])
    log.publish([Part("shard-0", 1, 1, 1, data)], T0)
    one = reading(register, log.epoch)
    assert one.position == 0
    one.turn(log.pull(0, one.position, 1 << 20), T0 + 5 * SECOND)
    log.ack("triage", 0, one.position)
    assert len(of(register, "after")) == 1
    assert "read from its beginning" in register.cases.troubles()[0].text
    assert (reading(register, log.epoch).position, register.cases.position()) == (1, 6)
    log.close()


def test_a_log_that_is_shorter_than_it_was_is_read_from_its_beginning(register: Register) -> None:
    one = reading(register, 1)
    one.turn([entry(place, Found([match(place)], [], T0)) for place in range(1, 6)], T0)
    one.begin_anew(1, "it ends earlier")
    one.turn([], T0 + SECOND)
    again = reading(register, 1)
    again.turn([entry(1, Found([match(9, device="after")], [], T0))], T0 + 5 * SECOND)
    assert len(of(register, "after")) == 1


@pytest.mark.parametrize("words", ["carecordon.hub.triage.desk.tell_story", "carecordon.notify.teller.compose"])
@pytest.mark.parametrize("is_another", [True, False])
def test_an_incident_whose_words_fail_is_told_by_the_next_process_or_with_what_comes(
    register: Register, monkeypatch: pytest.MonkeyPatch, words: str, is_another: bool
) -> None:
    more = [] if is_another else [entry(2, Found([replace(match(3, device="c", rule="r3"), subject={})], [], T0))]
    with monkeypatch.context() as patch:
        patch.setattr(words, lambda *_, **__: 1 / 0)
        one = desk(register)
        one.turn([entry(1, Found([match(1, device="a"), match(2, device="b")], [], T0))], T0)
        one.turn([], T0 + 5 * SECOND)
    assert of(register, "a") == of(register, "b") == []
    assert not register.outbox.all()
    assert {trouble.kind for trouble in register.cases.troubles()} == {"poison"}
    (desk(register) if is_another else one).turn(more, T0 + 9 * SECOND)
    assert [len(of(register, name)) for name in "ab"] == [1, 1]
    assert len([row for row in register.outbox.all() if row.incident == of(register, "a")[0].number]) == 1


def test_memory_that_runs_out_while_an_incident_is_told_loses_nothing(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("carecordon.hub.triage.desk.tell_story", full)
        with pytest.raises(MemoryError):
            desk(register).turn([entry(1, Found([match(1)], [], T0))], T0)
    assert register.cases.position() == 0
    desk(register).turn([entry(1, Found([match(1)], [], T0))], T0)
    assert len(register.outbox.all()) == 1


def test_what_stands_is_not_written_again_and_reaches_who_is_new(register: Register) -> None:
    first = desk(register)
    first.turn([entry(1, Found([match(1, device="a")], [], T0))], T0)
    first.turn([], T0 + 5 * SECOND)
    (before,) = of(register, "a")
    assert not desk(register).turn([], T0 + 9 * SECOND), "nothing is to be written"
    receivers = ("smtp/soc@example.org", "smtp/night@example.org")
    office = Office("XX1", Teller("Example Trust", receivers, Level.HIGH), WORDS)
    Desk(register.cases, RULES, Estate(3), office).turn([], T0 + 12 * SECOND)
    assert sorted(one.channel for one in register.outbox.all()) == sorted(receivers)
    (after,) = of(register, "a")
    assert after.number == before.number


def test_many_records_of_a_rule_that_is_lost_are_one_trouble(register: Register) -> None:
    one = desk(register)
    one.turn([entry(1, Found([match(place, device=f"pc-{place}") for place in range(1, 30)], [], T0))], T0)
    one.turn([], T0 + 5 * SECOND)
    heads = [key for key, _ in register.cases.records() if key[0] == "rule"]
    register.cases.commit(Commit(T0, 1, 1, dict.fromkeys(heads)))
    desk(register).turn([entry(2, Found([match(99)], [], T0))], T0 + 9 * SECOND)
    (trouble,) = [one for one in register.cases.troubles() if one.kind == "damage"]
    assert (trouble.key, trouble.count) == ("damage/state/units, the rule that it names is not there", 29)
    assert len(register.letters.all(limit=100)) == 29
