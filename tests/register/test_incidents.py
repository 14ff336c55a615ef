"""Incidents keep their number and status under whatever id they come; alerts are single; nothing is told again."""

from __future__ import annotations

import pytest

from carecordon.model.errors import OurFault
from carecordon.model.kept import (
    AlertQuery,
    Commit,
    IncidentQuery,
    IncidentRow,
    Status,
    StatusChange,
    ToldIncident,
    Trouble,
)
from carecordon.model.match import Level
from carecordon.register.register import Register
from tests.register.example import NOW, alert, incident, notice


def tell(register: Register, *told: ToldIncident, statuses: tuple[StatusChange, ...] = (), at: int = NOW) -> None:
    after = register.cases.position()
    notices = [notice(one.id) for one in told]
    commit = Commit(at + after, after, after + 1, incidents=told, notices=notices, statuses=statuses)
    register.cases.commit(commit)


def row(register: Register, name: str | int) -> IncidentRow:
    found = register.cases.incident(name)
    assert found is not None
    return found


def alerts(register: Register, number: int) -> list[str]:
    return sorted(one.id for one in register.cases.alerts(AlertQuery(incident=number)))


def test_an_earlier_event_changes_ids_and_nothing_else(register: Register) -> None:
    tell(register, incident("i20", [alert(20)]))
    tell(register, incident("i10", [alert(10, count=2)], ["i20"]))
    found = row(register, "i20")
    assert (found.number, found.id, found.ids, found.version) == (1, "i10", ("i10", "i20"), 2)
    assert (found.known, found.changed) == (NOW, NOW + 1)
    assert alerts(register, 1) == [alert(10).id]
    former = register.cases.alert(alert(20).id)
    assert former is not None
    assert (former.id, former.known, former.count) == (alert(10).id, NOW, 2)
    assert len(register.outbox.all()) == 1


def test_ids_of_alerts_are_followed_over_several_changes(register: Register) -> None:
    for first in (30, 20, 10):
        tell(register, incident(f"i{first}", [alert(first)], [f"i{one}" for one in (30, 20) if one > first]))
    assert {found.id for first in (30, 20, 10) if (found := register.cases.alert(alert(first).id))} == {alert(10).id}


def test_what_has_not_changed_is_not_written(register: Register) -> None:
    for _ in range(2):
        tell(register, incident("i20", [alert(20)]))
    found = row(register, 1)
    assert (found.version, found.changed) == (1, NOW)
    assert [one.changed for one in register.cases.alerts(AlertQuery())] == [NOW]


def test_merged_incidents_are_one_with_the_smallest_number(register: Register) -> None:
    tell(register, incident("i10", [alert(10)]), incident("i20", [alert(20, "WARD-2")]))
    tell(register, incident("i30", [alert(30, "WARD-3")]))
    merged = [alert(10), alert(20, "WARD-2"), alert(30, "WARD-3")]
    tell(register, incident("i20", merged, ["i10", "i30"]))
    found = row(register, 1)
    assert (found.id, found.ids, found.merged, found.alerts) == ("i20", ("i10", "i20", "i30"), (2, 3), 3)
    assert {row(register, name).number for name in ("i10", "i20", "i30", 1, 2, 3)} == {1}
    assert [one.number for one in register.cases.incidents(IncidentQuery())] == [1]
    assert alerts(register, 2) == alerts(register, 1) == sorted(one.id for one in merged)
    assert [one.number for one in register.cases.incidents(IncidentQuery(device="WARD-3"))] == [1]
    assert len(register.outbox.all()) == 3


def test_alerts_that_become_one_when_incidents_merge_stay_one(register: Register) -> None:
    tell(register, incident("i10", [alert(10)]), incident("i20", [alert(20)]))
    tell(register, incident("i10", [alert(10, count=2)], ["i20"]))
    assert alerts(register, 1) == [alert(10).id]
    found = register.cases.alert(alert(20).id)
    assert found is not None
    assert found.id == alert(10).id


def test_what_splits_off_gets_a_number_of_its_own(register: Register) -> None:
    tell(register, incident("i10", [alert(10)]), incident("i20", [alert(20, "WARD-2")]))
    tell(register, incident("i10", [alert(10), alert(20, "WARD-2")], ["i20"]))
    tell(register, incident("i10", [alert(10)]), incident("i20", [alert(20, "WARD-2")]))
    assert (row(register, "i10").number, row(register, "i20").number) == (1, 3)
    assert (alerts(register, 1), alerts(register, 3)) == ([alert(10).id], [alert(20, "WARD-2").id])


def test_an_alert_may_move_to_an_incident_told_later(register: Register) -> None:
    tell(register, incident("i10", [alert(10), alert(20, "WARD-2")]), incident("i30", [alert(30, "WARD-3")]))
    tell(register, incident("i30", [alert(20, "WARD-2"), alert(30, "WARD-3")]))
    assert alerts(register, 2) == [alert(20, "WARD-2").id, alert(30, "WARD-3").id]
    assert alerts(register, 1) == [alert(10).id]


def test_a_closed_incident_opens_again_only_for_something_more(register: Register) -> None:
    tell(register, incident("i10", [alert(10)]))
    tell(register, statuses=(StatusChange(1, Status.CLOSED, "ada", "harmless"),))
    tell(register, incident("i10", [alert(10)], score=70))
    found = row(register, 1)
    assert (found.status, found.status_by, found.status_why, found.score) == (Status.CLOSED, "ada", "harmless", 70)
    tell(register, incident("i5", [alert(5, count=3)], ["i10"]))
    found = row(register, 1)
    assert (found.status, found.status_by, found.reopened) == (Status.OPEN, "hub", 1)
    assert len(register.outbox.all()) == 1


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        (Status.NEW, Status.NEW, Status.NEW),
        (Status.NEW, Status.OPEN, Status.OPEN),
        (Status.CLOSED, Status.NEW, Status.OPEN),
        (Status.CLOSED, Status.CLOSED, Status.CLOSED),
    ],
)
def test_the_status_of_what_merged(register: Register, first: Status, second: Status, merged: Status) -> None:
    one, two = alert(10), alert(20, "WARD-2")
    tell(register, incident("i10", [one]), incident("i20", [two]))
    changes = (StatusChange("i10", first, "ada", ""), StatusChange(2, second, "bo", ""))
    tell(register, statuses=changes)
    tell(register, incident("i10", [one, two], ["i20"]))
    assert row(register, 1).status is merged


def test_queries(register: Register) -> None:
    low = ToldIncident("low", (), "t", Level.LOW, 10, ("WARD-4",), 1, 2, b"", (alert(1, "WARD-4"),))
    tell(register, incident("i10", [alert(10)]), incident("i20", [alert(20, "WARD-2")]), low)
    tell(register, statuses=(StatusChange("i20", Status.OPEN, "ada", ""),), at=NOW + 100)

    def numbers(**conditions: object) -> list[str]:
        query = IncidentQuery(**conditions)  # type: ignore[arg-type]  # each case names one condition
        return [one.id for one in register.cases.incidents(query)]

    assert numbers() == ["i20", "i10", "low"]
    assert register.cases.count_open() == {"low": 1, "high": 2}
    assert numbers(level=Level.MEDIUM) == ["i20", "i10"]
    assert numbers(status=(Status.OPEN, Status.CLOSED)) == ["i20"]
    tell(register, statuses=(StatusChange("i10", Status.CLOSED, "ada", ""),), at=NOW + 50)
    assert register.cases.count_open() == {"low": 1, "high": 1}
    assert numbers(device="WARD-4") == ["low"]
    assert numbers(since=NOW + 100) == ["i20"]
    assert numbers(before=3, limit=1) == ["i10"]
    assert register.cases.incident("unheard of") is register.cases.incident(99) is None
    found = [one.first for one in register.cases.alerts(AlertQuery(limit=2))]
    assert found == [20, 10]
    before = register.cases.alerts(AlertQuery(before=(10, alert(10).id)))
    assert [one.device for one in before] == ["WARD-4"]
    assert [one.id for one in register.cases.alerts(AlertQuery(device="WARD-2", rule_id="rule"))] == [
        alert(20, "WARD-2").id
    ]


def test_two_triages_are_seen(register: Register) -> None:
    tell(register, incident("i10", [alert(10)]))
    with pytest.raises(OurFault, match="stands at 1 of stream 2"):
        register.cases.commit(Commit(NOW, 0, 7, incidents=[incident("i99", [alert(99)])]))
    assert register.cases.incident("i99") is None


def test_a_notice_of_no_incident_undoes_all(register: Register) -> None:
    with pytest.raises(OurFault, match="not in the register"):
        register.cases.commit(Commit(NOW, 0, 1, records={("a",): b""}, notices=[notice("i77")]))
    assert (register.cases.position(), dict(register.cases.records())) == (0, {})


def test_a_trouble_lasts_until_it_is_over(register: Register) -> None:
    silent = Trouble("silent/1", "silent", "WARD-1", "it is silent", NOW)
    register.cases.trouble([silent])
    register.cases.trouble([Trouble("silent/1", "silent", "WARD-1", "still", NOW + 50, count=2)])
    (lasts,) = register.cases.troubles()
    assert (lasts.since, lasts.text, lasts.count) == (NOW, "still", 2)
    register.cases.trouble([Trouble("silent/1", "silent", "WARD-1", "it spoke", NOW, until=NOW + 60)])
    assert register.cases.troubles() == []
    assert [one.until for one in register.cases.troubles(is_over=True)] == [NOW + 60]
    register.cases.trouble([Trouble("silent/1", "silent", "WARD-1", "again", NOW + 90)])
    assert [one.since for one in register.cases.troubles(is_over=None)] == [NOW + 90]
