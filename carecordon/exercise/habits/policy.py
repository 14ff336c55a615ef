"""A device asks the domain controller for its policies, as it does every hour and a half."""

from __future__ import annotations

from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, traces
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.world import ZONE, Person

POLICIES = ("{31B2F340-016D-11D2-945F-00C04FB984F9}", "{6F1C2A40-7B1E-4C11-9A43-0D2B7C5E8F10}")
HISTORY = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy\\State\\Machine\\Extension-List\\"


def play(place: Place) -> Script:
    """The policy client proves itself, reads the policies' versions and notes when it did."""
    on, rng, dc = place.on, place.rng, place.hospital.controller
    client, lsass = on.state.roots["svchost:gpsvc"], on.state.roots["lsass"]
    traces.ask(on, client, f"_ldap._tcp.dc._msdcs.{ZONE}", dc.device.address)
    traces.connect(on, client, dc.device.address, 389, host=dc.name)
    traces.connect(on, lsass, dc.device.address, 88, host=dc.name)
    machine = Person(f"{on.device.name.upper()}$", 1900 + int(on.device.address.rpartition(".")[2]), "")
    directory.grant_service(dc, machine.account, f"{dc.device.name.upper()}$", on.device.address)
    yield 0.2
    traces.connect(on, on.state.roots["System"], dc.device.address, 445, host=dc.name)
    session = logons.log_on(dc, machine, Manner(3, on.device.address))
    directory.open_share(dc, session, "SYSVOL", on.device.address, "C:\\Windows\\SYSVOL\\sysvol")
    for policy in POLICIES:
        yield rng.random()
        directory.use_share(dc, session, "SYSVOL", on.device.address, f"{ZONE}\\Policies\\{policy}\\gpt.ini")
    key = f"{HISTORY}{{00000000-0000-0000-0000-000000000000}}\\"
    traces.set_value(on, client, key + "EndTimeLo", f"DWORD (0x{rng.getrandbits(32):08x})")
    traces.set_value(on, client, key + "EndTimeHi", "DWORD (0x01dc5a1f)")
    yield 10 + rng.random() * 10
    logons.log_off(dc, session, 3)


POLICY = Habit("policies are asked for", play, EVERYWHERE, (14, 18))
