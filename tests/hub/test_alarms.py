"""What is wrong with the hub reaches the outbox once, whoever wrote it and however often somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carecordon.hub.carry.alarms import Alarms
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.news.quiet import Hush, Quiet
from carecordon.model.device import Certificate, DeviceKind, NewDevice, Standing
from carecordon.model.kept import Commit, Trouble
from carecordon.model.match import Level
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    SQLITE.prepare(str(tmp_path / "register.db"))
    opened = SQLITE.open_register(str(tmp_path / "register.db"))
    yield opened
    opened.close()


def alarms(register: Register, least: Level = Level.HIGH, receivers: tuple[str, ...] = ("smtp/soc",)) -> Alarms:
    return Alarms(register, "Westpark Hospital", receivers, least)


def subjects(register: Register) -> list[str]:
    """Return what was told, the oldest first."""
    return [one.subject for one in reversed(register.outbox.all())]


def damage(device: str = "d1", since: int = T0) -> Trouble:
    return Trouble(f"damage/{device}", "damage", device, f"{device}: its part is torn", since)


def test_a_trouble_is_told_once_by_two_that_look_and_after_a_restart(register: Register) -> None:
    register.cases.trouble([damage()])
    one, other = alarms(register), alarms(register)
    assert [one.look(T0 + SECOND), one.look(T0 + 2 * SECOND), other.look(T0 + 3 * SECOND)] == [1, 0, 1]
    assert alarms(register).look(T0 + 4 * SECOND) == 1
    assert len(subjects(register)) == 1, "the outbox knows it"
    register.cases.trouble([damage("d2")])
    assert one.look(T0 + 5 * SECOND) == 1
    assert len(subjects(register)) == 2


def test_what_triage_wrote_down_is_told_too(register: Register) -> None:
    register.cases.commit(Commit(T0, 0, 1, troubles=[Trouble("damage/1/0/7", "damage", None, "a log", T0)]))
    assert alarms(register).look(T0) == 1
    assert "does not read back: a log" in subjects(register)[0]


def test_a_store_that_comes_and_goes_is_told_once_that_day_and_again_the_next(register: Register) -> None:
    now = [T0]
    complaints = Complaints(register.cases, lambda: now[0])
    looking = alarms(register)
    for day, told in enumerate((1, 2)):
        for minute in range(5):
            now[0] = T0 + (day * 86_400 + minute * 60) * SECOND
            complaints.set("store/worker-0", "store", "no answer")
            looking.look(now[0])
            complaints.set("store/worker-0", "store", None)
            looking.look(now[0] + SECOND)
        assert len(subjects(register)) == told


def test_many_that_fall_silent_are_one_alarm_and_one_alone_is_none_unless_wanted(register: Register) -> None:
    quiet = Quiet("silent", "devices")
    gone = {f"d{n}": Hush(f"pc-{n}", f"d{n}", T0 if n else T0 - 3_600 * SECOND) for n in range(40)}
    register.cases.trouble(quiet.news({"d0": gone["d0"]}, T0))
    assert alarms(register).look(T0) == 0
    register.cases.trouble(quiet.news(gone, T0 + SECOND))
    assert alarms(register).look(T0 + SECOND) == 1
    assert "39 devices fell quiet together" in subjects(register)[0]
    assert alarms(register, Level.LOW).look(T0 + SECOND) == 2
    assert len(subjects(register)) == 2
    register.cases.trouble(quiet.news(gone | {"late": Hush("late", "late", T0 + SECOND)}, T0 + 2 * SECOND))
    assert alarms(register).look(T0 + 2 * SECOND) == 1
    assert len(subjects(register)) == 2, "a crowd that grows is told once"


def test_devices_that_are_held_since_a_restore_are_told_until_none_is(register: Register) -> None:
    for number in range(3):
        certificate = Certificate(f"{number:064x}", f"{number:x}", T0, T0 * 2)
        device = NewDevice(f"{number:032x}", f"pc-{number}", "Windows", DeviceKind.AGENT, certificate)
        register.devices.add(device, "t", T0)
    looking = alarms(register)
    assert looking.look(T0) == 0
    assert register.devices.hold("restored", "ada", T0) == 3
    assert looking.look(T0 + SECOND) == 1
    assert "3 devices are held since a restore" in register.cases.troubles()[0].text
    register.devices.confirm(None, "ada", T0)
    assert register.devices.count() == {Standing.ACTIVE.value: 3}
    alarms(register).look(T0 + 2 * SECOND)
    assert register.cases.troubles() == []
    assert len(subjects(register)) == 1


def test_where_nobody_is_to_be_told_nothing_is_put_out(register: Register) -> None:
    register.cases.trouble([damage()])
    assert alarms(register, receivers=()).look(T0) == 0
    assert subjects(register) == []
