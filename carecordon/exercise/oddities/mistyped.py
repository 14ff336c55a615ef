"""A nurse mistypes a password six times, is locked out for a moment, and gets in."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, kinds, logons
from carecordon.exercise.world import DOMAIN, Work


def play(place: Place) -> Script:
    """Six failures some seconds apart, the lock, the help desk, the logon."""
    on, rng, desk, dc = place.on, place.rng, place.desk, place.hospital.controller
    for _ in range(6):
        logons.fail(on, desk.person.account, logons.UNLOCK)
        directory.refuse_password(dc, desk.person, on.device.address)
        yield 5 + rng.random() * 15
    told = {
        "TargetUserName": desk.person.account,
        "TargetDomainName": on.device.name.upper(),
        "TargetSid": desk.session.sid,
    }
    subject = {
        "SubjectUserSid": "S-1-5-18",
        "SubjectUserName": "WPH-DC01$",
        "SubjectDomainName": DOMAIN,
        "SubjectLogonId": "0x3e7",
    }
    dc.emit(kinds.LOCKED_OUT, told | subject)
    yield 240 + rng.random() * 200
    place.hospital.prove(on, desk.person)
    logons.log_off(on, logons.log_on(on, desk.person, logons.UNLOCK, terminal="1"), 7)


MISTYPED = Habit("a password mistyped six times", play, frozenset({Work.WARD}), (0.1, 0.2), (7.0, 20.0), at_desk=True)
