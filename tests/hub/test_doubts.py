"""A device's key in two places is one incident: told once, extended, and one until its old key is revoked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import cast

import pytest

from carecordon.hub.gate.clones import Evidence
from carecordon.hub.gate.office import Office as Room
from carecordon.hub.gate.renewal import SENDER, Clerk
from carecordon.hub.news.doubts import COPIED, Named, Sign, doubt, hand_over
from carecordon.hub.news.found import Found
from carecordon.hub.news.found import decode as found_in
from carecordon.hub.triage.unproven import AT_ONCE, EVERY_NS, GRACE_NS, MOST, Unproven
from carecordon.hub.trust.authority import Authority
from carecordon.model.device import Certificate, DeviceKind, NewDevice, Standing
from carecordon.model.kept import AlertQuery, Commit, IncidentQuery, IncidentRow, Status, StatusChange
from carecordon.model.match import Level, Match
from carecordon.model.stream import Entry, Stream
from carecordon.notify.notice import decode
from carecordon.register.register import Register
from carecordon.report import story
from carecordon.report.story.catalogue import words_of
from carecordon.report.story.kinds import OTHER, kind_of
from carecordon.report.story.samples import sample_events
from carecordon.report.story.tell import tell_story
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub.test_desk import SECOND, T0, desk, entry, incidents, match, register
from tests.replacing import replace

__all__ = ["register"]
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DEADLINE_S = 20.0
ID, NAME = "5e" * 16, "ward-pc-07"
WARD = Named(ID, NAME)


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    opened = STREAM.open(str(tmp_path / "found.db"), 1)
    yield opened
    opened.close()


def evidence(at: int, kind: Evidence = Evidence.TWO_ANSWER, device: Named = WARD) -> Match:
    return doubt(Sign.EVIDENCE, device, kind.value, at, kind.name.lower())


def copied(register: Register) -> list[IncidentRow]:
    return [row for row in register.cases.incidents(IncidentQuery()) if row.title == COPIED.title]


def enrolled(register: Register, number: str = ID, name: str = NAME, kind: DeviceKind = DeviceKind.AGENT) -> None:
    certificate = Certificate(number * 2, "01", T0, T0 * 2)
    register.devices.add(NewDevice(number, name, "Windows 11", kind, certificate), "wards", T0)


def test_it_is_an_incident_that_people_are_told_of_once_in_plain_words(register: Register) -> None:
    desk(register).turn([entry(1, Found([evidence(T0)], [], T0))], T0)
    (row,) = copied(register)
    assert (row.level, row.devices, row.alerts) == (Level.HIGH, (NAME,), 1)
    (notice,) = register.outbox.all()
    text = decode(notice.body).text
    for part in (
        "two go on with the key of this device: both answered at the same time",
        "what both send is taken",
        "no order would be sent",
        ID,
        "treat the key as stolen",
    ):
        assert part in text
    (alert,) = register.cases.alerts(AlertQuery(device=NAME))
    assert (alert.rule_id, alert.level, alert.count) == (COPIED.id, Level.HIGH, 1)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_more_evidence_extends_it_whatever_happens_in_between(register: Register, *, is_restarted: bool) -> None:
    one = desk(register)
    steps = [
        entry(number, Found([evidence(T0 + number * HOUR, kind)], [], T0)) for number, kind in enumerate(Evidence, 1)
    ]
    for step in steps:
        one.turn([step], T0 + step.position * HOUR)
        one = desk(register) if is_restarted else one
        assert len(copied(register)) == 1
    (row,) = copied(register)
    (alert,) = register.cases.alerts(AlertQuery())
    last = T0 + len(Evidence) * HOUR
    assert (alert.count, alert.first, alert.last) == (len(Evidence), T0 + HOUR, last)
    assert (row.number, row.last) == (1, last)
    assert len(register.outbox.all()) == 1


def test_two_devices_are_two_incidents(register: Register) -> None:
    found = [evidence(T0), evidence(T0, device=Named("6f" * 16, "ward-pc-08"))]
    desk(register).turn([entry(1, Found(found, [], T0))], T0)
    assert sorted(row.devices for row in copied(register)) == [(NAME,), ("ward-pc-08",)]


def test_what_is_handed_over_twice_lies_there_twice_and_in_order(stream: Stream) -> None:
    for number in range(3):
        hand_over(stream, SENDER, [evidence(T0 + number)], T0)
        hand_over(stream, "triage", [evidence(T0 + number)], T0)
    assert [(one.part.sender, one.part.first) for one in stream.pull(0, 0, 1 << 20)] == [
        (sender, number) for number in range(3) for sender in (SENDER, "triage")
    ]


class _Clocked:
    """A hub's triage by a clock of the test's own: the desk, and the look at who is unproven."""

    def __init__(self, register: Register, stream: Stream) -> None:
        self.register, self.stream, self.now = register, stream, T0
        self.restart()

    def restart(self) -> None:
        self.desk = desk(self.register)
        self.looking = Unproven(self.register, lambda matches, now: hand_over(self.stream, "triage", matches, now))

    def pulled(self) -> list[Entry]:
        return self.stream.pull(0, self.desk.position, 1 << 20)

    def go(self, hours: int, *, looks: bool = True, beside: bool = False) -> None:
        """Let time go by, an hour at a time; `beside`, another device keeps triage busy."""
        for _ in range(hours):
            self.now += HOUR
            if looks:
                self.looking.look(self.now)
            if beside:
                hand_over(self.stream, "shard-0", [replace(match(1, "other-1"), time=self.now)], self.now)
            self.desk.turn(self.pulled(), self.now)
            self.desk.turn([], self.now + 5 * SECOND)

    def show(self, kind: Evidence = Evidence.TWO_ANSWER) -> None:
        """Do what a gate does."""
        self.register.devices.mark_unproven(ID, kind.value, self.now)
        hand_over(self.stream, SENDER, [evidence(self.now, kind)], self.now)
        self.desk.turn(self.pulled(), self.now)


@pytest.fixture
def hub(register: Register, stream: Stream) -> _Clocked:
    enrolled(register)
    return _Clocked(register, stream)


@pytest.mark.parametrize(("looks", "count"), [(True, 1), (False, 2)])
def test_evidence_days_later_is_of_the_same_incident_as_long_as_it_is_looked_at(
    hub: _Clocked, *, looks: bool, count: int
) -> None:
    hub.show()
    for _ in range(3):
        hub.go(24, looks=looks, beside=True)
        hub.restart()
    hub.show(Evidence.AHEAD)
    hub.go(1, looks=looks)
    rows = copied(hub.register)
    assert len(rows) == count
    assert [notice.incident for notice in hub.register.outbox.all()].count(rows[-1].number) == 1
    if looks:
        (alert,) = hub.register.cases.alerts(AlertQuery(rule_id=COPIED.id))
        assert (alert.first, alert.count) == (T0, 1 + 6 + 1)


def test_it_is_opened_again_where_it_was_closed_and_nobody_revoked_the_old_key(hub: _Clocked) -> None:
    hub.show()
    change = StatusChange(1, Status.CLOSED, "ann", "it will be all right")
    stands = hub.register.cases.position()
    hub.register.cases.commit(Commit(hub.now, stands, stands, statuses=[change]))
    hub.restart()
    hub.go(11)
    assert copied(hub.register)[0].status is Status.CLOSED
    hub.go(2)
    assert copied(hub.register)[0].status is Status.OPEN


def test_it_is_told_again_so_often_and_no_more_and_then_anew_with_new_evidence(hub: _Clocked) -> None:
    hub.show()
    hub.go(24 * 4)
    (alert,) = hub.register.cases.alerts(AlertQuery(rule_id=COPIED.id))
    assert alert.count == 1 + MOST
    hub.restart()
    hub.go(24)
    assert len(copied(hub.register)) == 1
    hub.show(Evidence.AHEAD)
    hub.go(24 * 4)
    later = hub.register.cases.alerts(AlertQuery(rule_id=COPIED.id))[0]
    assert (len(copied(hub.register)), later.count) == (2, 1 + MOST)


def test_many_at_once_are_told_in_parts_of_some_and_none_is_left_out(register: Register, stream: Stream) -> None:
    many = AT_ONCE * 2 + 5
    for number in range(many):
        enrolled(register, f"{number:032x}", f"pc-{number}")
        register.devices.mark_unproven(f"{number:032x}", "two may be using its key", T0)
    hub = _Clocked(register, stream)
    for at in (0, GRACE_NS, GRACE_NS, GRACE_NS, GRACE_NS):
        hub.looking.look(T0 + at)
    words = [word for entry in hub.pulled() for word in found_in(entry.part.data)]
    told = [[match.device for match in word.matches] for word in words if isinstance(word, Found)]
    assert [len(part) for part in told] == [AT_ONCE, AT_ONCE, 5]
    assert len({device for part in told for device in part}) == many


@pytest.mark.parametrize("act", ["revoke", "prove"])
def test_once_it_is_revoked_or_its_key_proven_nothing_more_is_told(hub: _Clocked, act: str) -> None:
    hub.show()
    hub.go(1)
    if act == "revoke":
        hub.register.devices.revoke(ID, "copied", "ann", hub.now)
    else:
        hub.register.devices.add_certificate(ID, Certificate("ab" * 32, "02", T0, T0 * 2), is_proof=True)
    hub.go(48)
    (alert,) = hub.register.cases.alerts(AlertQuery())
    assert alert.count == 1


def test_what_a_gate_marked_and_never_handed_over_is_told_after_a_while(hub: _Clocked) -> None:
    hub.register.devices.mark_unproven(ID, "two may be using its key", T0)
    hub.looking.look(T0)
    hub.looking.look(T0 + GRACE_NS - 1)
    assert hub.pulled() == []
    hub.looking.look(T0 + GRACE_NS)
    hub.looking.look(T0 + GRACE_NS + EVERY_NS - 1)
    assert len(hub.pulled()) == 1
    hub.go(1)
    (row,) = copied(hub.register)
    assert row.devices == (NAME,)


def test_a_clock_that_was_ahead_does_not_silence_it_for_years(hub: _Clocked) -> None:
    hub.register.devices.mark_unproven(ID, "two may be using its key", T0)
    hub.looking.look(T0 + 3_650 * 24 * HOUR)
    hub.looking.look(T0)
    hub.looking.look(T0 + EVERY_NS)
    assert len(hub.pulled()) == 1


def test_the_hubs_own_events_are_of_known_kinds(register: Register) -> None:
    told = [evidence(T0), doubt(Sign.STILL, Named(ID, "ward-pc-08"), "two may be using its key", T0)]
    desk(register).turn([entry(1, Found(told, [], T0))], T0)
    events = [event for one in incidents(register) for event in sample_events(one)]
    assert len(events) == len(Sign)
    assert all(kind_of(event, [COPIED]) is not OTHER for event in events)
    assert all(kind_of(event) is OTHER for event in events)


@pytest.mark.parametrize(
    ("kind", "name"), [(DeviceKind.AGENT, f"{NAME} (6f6f6f)"), (DeviceKind.FORWARDER, NAME.upper())]
)
def test_the_gate_hands_over_under_the_name_that_the_devices_events_go_by_and_tries_until_it_is_done(
    register: Register, stream: Stream, kind: DeviceKind, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = "6f" * 16
    enrolled(register)
    enrolled(register, other, NAME if kind is DeviceKind.AGENT else NAME.upper(), kind)
    monkeypatch.setattr("carecordon.hub.gate.renewal.AGAIN_S", 0.0)
    refusals = ["the disk is full", "the disk is still full"]
    opened: list[int] = []

    def found() -> Stream:
        opened.append(len(refusals))
        if refusals:
            raise OSError(refusals.pop())
        return STREAM.open(str(tmp_path / "found.db"), 1)

    async def suspect() -> None:
        room = Room(asyncio.get_running_loop(), "register")
        clerk = Clerk(room, cast("Authority", None), register, lambda: T0, lambda _: None, found)
        for _ in range(50):
            clerk.suspect(other, Evidence.RETURNED)
        end = time.monotonic() + DEADLINE_S
        lies: Callable[[], int] = lambda: len(stream.pull(0, 0, 1 << 20))  # noqa: E731  # it is waited for
        for count, evidence in ((1, Evidence.AHEAD), (2, None)):
            while lies() < count and time.monotonic() < end:  # noqa: ASYNC110  # another thread writes it
                await asyncio.sleep(0.01)
            if evidence is not None:
                clerk.suspect(other, evidence)
        await room.wait(clerk.close)
        room.close()

    asyncio.run(suspect())
    known = register.devices.get(other)
    assert known is not None
    assert known.standing is Standing.UNPROVEN
    assert opened == [2, 1, 0], "it is tried by one at a time, and opened no more once it is open"
    assert len(stream.pull(0, 0, 1 << 20)) == 2
    one = desk(register)
    one.turn(stream.pull(0, 0, 1 << 20), T0)
    (row,) = copied(register)
    assert row.devices == (name,)


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_its_steps_name_the_key_that_is_to_be_revoked_and_the_command_of_its_kind(
    register: Register, kind: DeviceKind
) -> None:
    one = desk(register)
    one.turn([entry(1, Found([evidence(T0, device=Named(ID, NAME, kind))], [], T0))], T0)
    (incident,) = incidents(register)
    words = words_of((resources.files(story) / "words.toml").read_text("utf-8"))
    steps = " ".join(tell_story(incident, sample_events(incident), (), words).next_steps)
    assert f"`carecordon hub revoke {ID} --why TEXT`" in steps
    assert ("enrol-token --forwarder" in steps) is (kind is DeviceKind.FORWARDER)
    assert "touches neither the device nor its network" in steps
