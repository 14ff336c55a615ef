"""Administrators work on servers by remote desktop, with another account than their own."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, processes, traces, upkeep
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.telemetry.programs import CMD, EXPLORER, POWERSHELL, SYSTEM32
from carecordon.exercise.world import Work

SERVERS = ("wph-fs01", "wph-lims01", "wph-epr01", "wph-pacs01", "wph-mgmt01", "wph-dc01")
COMMANDS = (
    ("net.exe", "net stop Spooler"), ("net.exe", "net start Spooler"), ("systeminfo.exe", "systeminfo"),
    ("whoami.exe", "whoami /groups"), ("net.exe", "net localgroup Administrators"), ("sc.exe", "sc query state= all"),
    ("nltest.exe", "nltest /dsgetdc:wph.example.org"), ("w32tm.exe", "w32tm /query /status"),
    ("reg.exe", "reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters"),
)  # fmt: skip
SCRIPTS = (
    "Get-ADComputer -Filter 'Enabled -eq $true' | Measure-Object",
    "Restart-Service -Name 'Example LIMS' -Force",
    "Get-ADGroupMember 'Domain Admins'",
    "Get-HotFix | Sort-Object InstalledOn | Select-Object -Last 5",
)


def play(place: Place) -> Script:
    """Log on with the administrator's account, work for some minutes, log off."""
    on, rng, hospital = place.on, place.rng, place.hospital
    server, admin = hospital.sensor(rng.choice(SERVERS)), hospital.world.people["wph-mgmt01"]
    address = on.device.address
    tool = processes.start(
        on, place.desk.desktop, SYSTEM32 + "mstsc.exe", f'"{SYSTEM32}mstsc.exe" /v:{server.device.name}'
    )
    logons.use_credentials(on, place.desk.session, admin.account, server.name, SYSTEM32 + "mstsc.exe")
    traces.connect(on, tool, server.device.address, 3389, host=server.name)
    traces.accept(server, server.state.roots["svchost:NetworkService"], address, 3389)
    directory.grant_service(hospital.controller, admin.account, f"TERMSRV/{server.device.name}", address)
    manner = Manner(10, address, server.device.name, "Negotiate", SYSTEM32 + "svchost.exe", special=True)
    session = logons.log_on(server, admin, manner, "3")
    desktop = processes.start(server, server.state.roots["winlogon"], EXPLORER, EXPLORER, session=session)
    shell = processes.start(server, desktop, CMD, f'"{CMD}" ')
    for program, line in rng.sample(COMMANDS, rng.randrange(2, 5)):
        yield 10 + rng.random() * 60
        yield from acts.console(server, shell, SYSTEM32 + program, line, 0.6)
    process = processes.start(server, desktop, POWERSHELL, f'"{POWERSHELL}" ')
    yield 8.0
    upkeep.run_script(server, process, rng.choice(SCRIPTS))
    yield 60.0
    for one in (process, shell, desktop):
        processes.end(server, one)
    logons.log_off(server, session, 10)
    processes.end(on, tool)


REMOTE_DESKTOP = Habit("remote desktop by administrators", play, frozenset({Work.IT}), (1, 3), AT_WORK, at_desk=True)
