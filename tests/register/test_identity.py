"""What triage tells, packed and read back: real incidents, values of every type, ids that a replay makes again."""

from __future__ import annotations

import pytest

from carecordon.model.errors import OurFault
from carecordon.model.event import Value
from carecordon.model.incident import Alert, Chain, Incident, Place, Score, Summand
from carecordon.model.kept import Commit
from carecordon.model.match import Level, Match, RuleHead
from carecordon.register.identity import alert_id, alert_of, incident_of, told
from carecordon.register.register import Register
from tests.register.example import NOW
from tests.replacing import replace

RULE = RuleHead("r1", "A rule", Level.HIGH, ("T1003",), "rules/r1.yml", 1)
FIELDS: dict[str, Value] = {
    "Image": "C:\\a.exe",
    "ProcessId": 7,
    "IsOn": True,
    "Nothing": None,
    "Share": 0.5,
    "Hashes": ("MD5=1", None, 3),
    "Empty": "",
}


def match(position: int, user: str) -> Match:
    fields: dict[str, Value] = {**FIELDS, "User": user}
    return Match(RULE, "sender/1", position, None, NOW, "WARD-1", "Security", 4624, fields, {"Whole": "event"}, fields)


def alert(position: int, user: str, process: str | None = None) -> Alert:
    return Alert(RULE, "WARD-1", process, NOW, NOW + 1, 1, match(position, user))


def incident(*alerts: Alert) -> Incident:
    score = Score(70, (Summand("level", 70, "a high rule"),))
    places = (Place("sender/1", 1, "r1"),)
    return Incident("i1", ("i0",), "t", Level.HIGH, score, ("WARD-1",), NOW, NOW + 1, (), alerts, (), (), (), places)


def account(one: Match) -> str:
    return str(one.subject["User"])


def test_an_incident_comes_back_as_it_was() -> None:
    whole = incident(alert(1, "ann"), alert(2, "bo", "WARD-1|p1"))
    packed = told(whole, "X99", account)
    slim = replace(whole, alerts=tuple(replace(one, sample=replace(one.sample, carried={})) for one in whole.alerts))
    assert incident_of(packed.body) == slim
    assert [alert_of(one.body) for one in packed.alerts] == list(slim.alerts)
    assert [one.entity for one in packed.alerts] == ["ann", "WARD-1|p1"]
    assert type(incident_of(packed.body).alerts[0].sample.fields["Hashes"]) is tuple
    assert (packed.id, packed.aliases, packed.score, packed.devices) == ("i1", ("i0",), 70, ("WARD-1",))


def test_an_alerts_id_is_of_what_makes_it() -> None:
    parts = ("X99", "r1", "WARD-1", "ann", "sender/1#1")
    ids = {alert_id(*parts)}
    for place in range(len(parts)):
        ids.add(alert_id(*(f"{part}x" if place == at else part for at, part in enumerate(parts))))
    ids.add(alert_id("X99", "r1W", "ARD-1", "ann", "sender/1#1"))
    assert len(ids) == len(parts) + 2
    assert alert_id(*parts) == told(incident(alert(1, "ann")), "X99", account).alerts[0].id
    assert alert_id(*parts) == "73b2bf112a8f197fffd03b4f6d107d10"


def test_alerts_spelt_alike_are_told_apart(register: Register) -> None:
    packed = told(incident(alert(1, "ann"), alert(2, "ann"), alert(3, "ann")), "X99", account)
    register.cases.commit(Commit(NOW, 0, 1, incidents=[packed]))
    row = register.cases.incident("i0")
    assert row is not None
    assert row.alerts == len({one.id for one in packed.alerts}) == 3


def test_what_is_no_incident_is_our_fault() -> None:
    for body in (b"", b"x" * 99, told(incident(alert(1, "ann")), "X99", account).alerts[0].body):
        with pytest.raises(OurFault, match="cannot be read"):
            incident_of(body)


def chain(position: int, last: int, events: int, *devices: str, group: str = "ann") -> Chain:
    return Chain(RULE, 3, NOW, NOW + last, {"User": group}, devices, events, match(position, "ann"))


def test_a_correlation_is_an_alert_of_its_own_beside_those_of_its_events() -> None:
    whole = replace(incident(alert(1, "ann")), chains=(chain(1, 9, 7, "WARD-1"), chain(4, 9, 5, "WARD-1", "WARD-2")))
    packed = told(whole, "X99", account)
    assert [(one.device, one.entity, one.count, one.last) for one in packed.alerts] == [
        ("WARD-1", "ann", 1, NOW + 1),
        ("WARD-1", "User=ann|sender/1#1", 7, NOW + 9),
        ("", "User=ann|sender/1#4", 5, NOW + 9),
    ]
    assert len({one.id for one in packed.alerts}) == 3
    assert [len(one.alerts) for one in (whole, incident_of(packed.body))] == [1, 1]
    assert alert_of(packed.alerts[2].body).sample.position == 4


def test_a_correlation_has_the_same_id_whatever_is_told_beside_it_and_with_it() -> None:
    first, second = chain(1, 9, 7, "WARD-1"), chain(4, 9, 5, "WARD-1")
    (alone,) = told(replace(incident(), chains=(second,)), "X99", account).alerts
    both = told(replace(incident(), chains=(first, second)), "X99", account).alerts
    grown = replace(second, events=6, last=NOW + 20)
    (again,) = told(replace(incident(), chains=(grown, second)), "X99", account).alerts
    assert [one.id for one in both][1] == alone.id == again.id
    assert (again.count, again.last) == (6, NOW + 20)


def test_what_was_told_before_correlations_had_samples_is_told_without_them() -> None:
    old = Chain(RULE, 3, NOW, NOW + 9)
    packed = told(replace(incident(alert(1, "ann")), chains=(old,)), "X99", account)
    assert len(packed.alerts) == 1
    assert incident_of(packed.body).chains == (old,)


def test_a_long_group_is_cut_and_whole_events_are_not_kept() -> None:
    packed = told(replace(incident(), chains=(chain(1, 9, 7, group="x" * 100_000),)), "X99", account)
    assert len(packed.alerts[0].entity) < 300
    assert alert_of(packed.alerts[0].body).sample.carried == {}
    (kept,) = incident_of(packed.body).chains
    assert kept.sample is not None
    assert kept.sample.carried == {}
