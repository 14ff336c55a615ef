"""Administrators at their work: consoles, questions to the network, a look at a server."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import logons, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, POWERSHELL, SYSTEM32
from carecordon.exercise.world import Work

ASKED = (
    ("PING.EXE", "ping wph-wd-t03"), ("ipconfig.exe", "ipconfig /all"), ("nslookup.exe", "nslookup wph-fs01"),
    ("quser.exe", "quser /server:wph-fs01"), ("gpresult.exe", "gpresult /r"),
    ("tasklist.exe", "tasklist /s wph-adm-ws03"),
    ("NETSTAT.EXE", "netstat -ano"), ("net.exe", "net use"), ("whoami.exe", "whoami"), ("hostname.exe", "hostname"),
    ("ARP.EXE", "arp -a"), ("TRACERT.EXE", "tracert wph-pacs01"),
)  # fmt: skip
SCRIPTS = (
    "Get-ADUser -Filter 'LockedOut -eq $true'",
    "Get-Service -ComputerName wph-lims01 | Where-Object Name -like 'Example*'",
    "Test-NetConnection wph-epr01 -Port 8443",
    "Get-EventLog -LogName System -Newest 20 -EntryType Error",
)


def play(place: Place) -> Script:
    """Some commands in a console, a script, or a server's management console over the network."""
    on, rng, desk, hospital = place.on, place.rng, place.desk, place.hospital
    home = f"C:\\Users\\{desk.person.account}\\"
    shell = processes.start(on, desk.desktop, CMD, f'"{CMD}" ', directory=home)
    for program, line in rng.sample(ASKED, rng.randrange(1, 5)):
        yield 3 + rng.random() * 30
        yield from acts.console(on, shell, SYSTEM32 + program, line, 0.5 + rng.random() * 3)
    processes.end(on, shell)
    if rng.random() < 0.5:
        process = processes.start(on, desk.desktop, POWERSHELL, f'"{POWERSHELL}" ', directory=home)
        yield 5.0
        text = rng.choice(SCRIPTS)
        upkeep.run_script(on, process, text)
        upkeep.run_command(on, process, text.partition(" ")[0], {"ComputerName": "wph-lims01"})
        yield 30 + rng.random() * 90
        processes.end(on, process)
    if rng.random() < 0.4:
        server = hospital.sensor(rng.choice(("wph-fs01", "wph-lims01", "wph-bak01", "wph-dc01")))
        line = f'"{SYSTEM32}mmc.exe" {SYSTEM32}compmgmt.msc /computer={server.device.name}'
        console = processes.start(on, desk.desktop, SYSTEM32 + "mmc.exe", line, integrity="High")
        traces.connect(on, console, server.device.address, 135, host=server.name)
        session = hospital.reach(on, hospital.world.people["wph-mgmt01"], server, special=True)
        yield 60 + rng.random() * 200
        logons.log_off(server, session, 3)
        processes.end(on, console)


HELPDESK = Habit("administrators at work", play, frozenset({Work.IT}), (8, 14), AT_WORK, at_desk=True)
