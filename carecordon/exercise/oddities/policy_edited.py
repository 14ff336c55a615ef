"""IT changes a setting of a group policy: its files and its object in the directory are written."""

from __future__ import annotations

from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, processes, traces
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.world import ZONE

POLICY = "{6F1C2A40-7B1E-4C11-9A43-0D2B7C5E8F10}"


def play(place: Place) -> Script:
    """The policy editor on the administrator's PC writes to the controller's SYSVOL and directory."""
    on, rng, hospital = place.on, place.rng, place.hospital
    dc, admin, address = hospital.controller, hospital.world.people["wph-mgmt01"], on.device.address
    line = f'"{SYSTEM32}mmc.exe" "{SYSTEM32}gpme.msc" /s /gpobject:"LDAP://wph-dc01.{ZONE}/cn={POLICY},cn=policies"'
    editor = processes.start(on, place.desk.desktop, SYSTEM32 + "mmc.exe", line, integrity="High")
    traces.connect(on, editor, dc.device.address, 389, host=dc.name)
    session = hospital.reach(on, admin, dc, special=True)
    directory.open_share(dc, session, "SYSVOL", address, "C:\\Windows\\SYSVOL\\sysvol")
    yield 200.0
    for name in ("Machine\\Registry.pol", "GPT.INI"):
        directory.use_share(dc, session, "SYSVOL", address, f"{ZONE}\\Policies\\{POLICY}\\{name}", "0x13019f")
        path = f"C:\\Windows\\SYSVOL\\domain\\Policies\\{POLICY}\\{name}"
        traces.create(dc, dc.state.roots["System"], path)
    target = f"CN={POLICY},CN=Policies,CN=System,DC=wph,DC=example,DC=org"
    directory.change_directory(dc, session, target, "versionNumber", str(rng.randrange(20, 90)))
    yield 60.0
    logons.log_off(dc, session, 3)
    processes.end(on, editor)


POLICY_EDITED = Habit(
    "a group policy is edited", play, frozenset(), (0.2, 0.6), AT_WORK, at_desk=True, devices=("wph-it-ws02",)
)
