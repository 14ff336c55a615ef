"""When people are told, and told again."""

from __future__ import annotations

import pytest

from carecordon.model.incident import Incident
from carecordon.model.match import Level
from carecordon.notify.compose import Texts
from carecordon.notify.notice import decode
from carecordon.notify.teller import Teller, key_of
from tests.notify.telling import NOON, incident

HIGH, CRITICAL, MEDIUM = Level.HIGH, Level.CRITICAL, Level.MEDIUM


def teller(least: Level = HIGH) -> Teller:
    return Teller("Westpark Hospital", ("mail/ann", "webhook/1"), least)


def told(one: Teller, what: Incident) -> list[str]:
    return [f"{made.channel} {made.key}" for made in one.notices(what, Texts(), NOON)]


def test_each_receiver_is_told_once() -> None:
    one = teller()
    made = one.notices(incident(devices=3), Texts("It began."), NOON)
    assert [(new.channel, new.key, new.incident, new.due) for new in made] == [
        ("mail/ann", "high/1", "inc-0001", NOON),
        ("webhook/1", "high/1", "inc-0001", NOON),
    ]
    assert decode(made[0].body).data["summary"] == "It began."
    assert told(one, incident(devices=3)) == []


def test_an_incident_below_the_level_is_not_told() -> None:
    assert told(teller(), incident(level=MEDIUM)) == []
    assert told(Teller("Westpark", (), HIGH), incident(level=CRITICAL)) == []


@pytest.mark.parametrize(
    ("level", "devices", "is_told"),
    [(HIGH, 3, False), (HIGH, 9, False), (HIGH, 10, True), (CRITICAL, 3, True), (MEDIUM, 3, False)],
)
def test_it_is_told_again_only_when_it_gets_worse(level: Level, devices: int, is_told: bool) -> None:
    one = teller(Level.LOW)
    assert told(one, incident(level=HIGH, devices=3))
    again = one.notices(incident(level=level, devices=devices), Texts(), NOON)
    assert bool(again) is is_told
    assert all(decode(new.body).kind == "incident.worse" for new in again)


def test_a_level_that_falls_and_rises_again_is_not_told_twice() -> None:
    one = teller()
    assert told(one, incident(level=CRITICAL))
    assert told(one, incident(level=HIGH)) == []
    assert told(one, incident(level=CRITICAL)) == []
    assert told(one, incident(level=HIGH, devices=12)) == ["mail/ann high/10", "webhook/1 high/10"]


def test_what_was_told_under_a_former_id_counts() -> None:
    one = teller()
    assert told(one, incident("inc-former", CRITICAL, devices=5))
    assert told(one, incident("inc-0002", HIGH, devices=12))
    assert told(one, incident("inc-0001", CRITICAL, devices=20, aliases=("inc-former", "inc-0002"))) == []


def test_another_process_makes_the_same_keys() -> None:
    assert told(teller(), incident(devices=42)) == told(teller(), incident(devices=57)) != []
    assert key_of(incident(devices=100)) == "high/100"
