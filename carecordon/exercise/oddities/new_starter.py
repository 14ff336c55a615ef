"""IT makes an account for somebody who starts work, and puts it in the ward's group."""

from __future__ import annotations

from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, kinds, logons, processes, traces
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.world import DOMAIN, FAMILY


def play(place: Place) -> Script:
    """The console for accounts, over the network, with the administrator's account."""
    on, rng, hospital = place.on, place.rng, place.hospital
    dc, admin = hospital.controller, hospital.world.people["wph-mgmt01"]
    console = processes.start(
        on, place.desk.desktop, SYSTEM32 + "mmc.exe", f'"{SYSTEM32}mmc.exe" {SYSTEM32}dsa.msc', integrity="High"
    )
    traces.connect(on, console, dc.device.address, 389, host=dc.name)
    session = hospital.reach(on, admin, dc, special=True)
    yield 60.0
    account, rid = (
        f"{rng.choice('abcdegjklmnprst')}.{rng.choice(FAMILY)}{rng.randrange(2, 9)}",
        rng.randrange(1500, 9000),
    )
    sid = f"{hospital.world.domain_sid}-{rid}"
    directory.create_account(dc, session, account, sid)
    target = {"TargetUserName": account, "TargetDomainName": DOMAIN, "TargetSid": sid}
    dc.emit(kinds.ACCOUNT_ENABLED, target | logons.subject(session))
    dc.emit(kinds.PASSWORD_RESET, target | logons.subject(session))
    yield 20.0
    directory.add_to_group(dc, session, account, sid, "Ward Staff", 1210)
    yield 30.0
    logons.log_off(dc, session, 3)
    processes.end(on, console)


NEW_STARTER = Habit(
    "an account for a new starter", play, frozenset(), (0.5, 1), AT_WORK, at_desk=True, devices=("wph-it-ws02",)
)
