"""The domain controller gives tickets, all day, to services that renew theirs and to old programs that speak NTLM."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.world import Work

PROPERTIES = ("59ba2f42-79a2-11d0-9020-00c04fc2d3cf", "4c164200-20c0-11d0-a768-00aa006e0529")
"""General information, account restrictions. Source: [MS-ADTS] 5.1.3.2.1, property sets."""
SERVERS = ("wph-epr01", "wph-lims01", "wph-pacs01", "wph-bak01", "wph-fs01")


def play(place: Place) -> Script:
    """A service account renews its ticket and asks for another service; or an old program's password is checked."""
    dc, rng, world = place.on, place.rng, place.hospital.world
    person = rng.choice(sorted(world.services.values(), key=lambda one: one.rid))
    server = place.hospital.sensor(rng.choice(SERVERS))
    address = server.device.address
    if rng.random() < 0.15:
        directory.check_password(dc, person.account, server.device.name)
    else:
        directory.grant_ticket(dc, person.account, world.sid(person), address)
        directory.grant_service(dc, person.account, f"{rng.choice(SERVERS).upper()}$", address)
    if rng.random() < 0.01:  # the old analyser link knows no newer cipher
        directory.grant_service(dc, "svc-lims", "svc-sql", address, directory.RC4)
    yield 0.3
    session = logons.log_on(dc, person, Manner(3, address))
    if rng.random() < 0.3:
        directory.touch_object(dc, session, rng.choice(PROPERTIES), rng.choice(("0x10", "0x10", "0x20")))
    yield 5 + rng.random() * 60
    logons.log_off(dc, session, 3)


TICKETS = Habit("tickets for services", play, frozenset({Work.CONTROLLER}), (350, 500))
