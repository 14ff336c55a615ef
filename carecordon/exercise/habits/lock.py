"""Screens are locked and unlocked: on wards all the time, by badge, under the ward's own account."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, kinds, logons, processes
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.world import Work


def play(place: Place) -> Script:
    """Lock, wait, unlock; now and then with a wrong password first."""
    on, rng, desk = place.on, place.rng, place.desk
    told = {
        "TargetUserSid": desk.session.sid,
        "TargetUserName": desk.person.account,
        "TargetDomainName": desk.session.domain,
        "TargetLogonId": desk.session.logon_id,
        "SessionId": desk.session.terminal,
    }
    on.emit(kinds.SESSION_LOCKED, told)
    screen = processes.start(
        on, on.state.roots["winlogon"], SYSTEM32 + "LogonUI.exe", '"LogonUI.exe" /flags:0x2 /state0:0xa3a45055'
    )
    yield 20 + rng.random() * 600
    if rng.random() < 0.06:
        logons.fail(on, desk.person.account, logons.UNLOCK)
        directory.refuse_password(place.hospital.controller, desk.person, on.device.address)
        yield 4 + rng.random() * 5
    place.hospital.prove(on, desk.person)
    session = logons.log_on(on, desk.person, logons.UNLOCK, terminal=desk.session.terminal)
    on.emit(kinds.SESSION_UNLOCKED, told)
    processes.end(on, screen)
    yield 0.3
    logons.log_off(on, session, 7)


LOCK = Habit(
    "screens are locked", play, frozenset({Work.WARD, Work.OFFICE, Work.IT}), (8, 16), (6.5, 21.0), at_desk=True
)
