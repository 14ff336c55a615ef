"""How a device comes up: the processes that Windows starts by itself, and a person's desktop."""

from __future__ import annotations

from carecordon.exercise.telemetry import logons, processes, traces
from carecordon.exercise.telemetry.programs import EXPLORER, MANAGED, SYSTEM32
from carecordon.exercise.telemetry.sensor import Process, Sensor, Session
from carecordon.exercise.world import DOMAIN, Person, Work

SERVICE_GROUPS = {
    "netsvcs": "-k netsvcs -p -s Schedule",
    "DcomLaunch": "-k DcomLaunch -p",
    "LocalService": "-k LocalServiceNetworkRestricted -p -s EventLog",
    "NetworkService": "-k NetworkService -p -s Dnscache",
    "wuauserv": "-k netsvcs -p -s wuauserv",
    "BITS": "-k netsvcs -p -s BITS",
    "gpsvc": "-k netsvcs -p -s gpsvc",
    "UnistackSvcGroup": "-k UnistackSvcGroup -s CDPUserSvc",
}
OWN_SERVICES = {
    "spooler": SYSTEM32 + "spoolsv.exe",
    "defender": "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.24060.7-0\\MsMpEng.exe",
    "agent": MANAGED,
    "search": SYSTEM32 + "SearchIndexer.exe",
}
SERVER_SERVICES = {
    "wph-dc01": {"dns": SYSTEM32 + "dns.exe", "directory": SYSTEM32 + "dfsrs.exe"},
    "wph-epr01": {"main": "C:\\Program Files\\Example EPR\\Server\\eprsvc.exe"},
    "wph-lims01": {"main": "C:\\Program Files\\Example LIMS\\limsd.exe"},
    "wph-pacs01": {"main": "C:\\Program Files\\Example PACS\\Archive\\archive.exe"},
    "wph-bak01": {"main": "C:\\Program Files\\Example Backup\\Server\\xbserver.exe"},
    "wph-mgmt01": {"main": "C:\\Program Files\\Example Manage\\Server\\xmserver.exe"},
}
SYSTEM_USER, LOCAL_USER, NETWORK_USER = (
    "NT AUTHORITY\\SYSTEM",
    "NT AUTHORITY\\LOCAL SERVICE",
    "NT AUTHORITY\\NETWORK SERVICE",
)


SCRIPTS = "\\\\wph.example.org\\NETLOGON\\"
UP_S = 9 * 86_400 + 4_321
"""How long a device that never sleeps has been up when a recording begins."""


def boot(on: Sensor, *, told: bool) -> None:
    """Start what Windows starts by itself; untold where the device has been up since before the recording."""
    ago = 0 if told else UP_S
    roots, as_system = on.state.roots, on.session(SYSTEM_USER, "S-1-5-18", 0x3E7, "0", "System", ago)
    seats = {
        "LocalService": on.session(LOCAL_USER, "S-1-5-19", 0x3E5, "0", "System", ago),
        "NetworkService": on.session(NETWORK_USER, "S-1-5-20", 0x3E4, "0", "System", ago),
    }
    start = processes.start if told else _untold
    roots["System"] = Process(on.new_guid(ago), 4, "System", "-", "-", "System", as_system)
    smss = start(
        on, roots["System"], SYSTEM32 + "smss.exe", "\\SystemRoot\\System32\\smss.exe", directory="C:\\Windows"
    )
    roots["wininit"] = start(on, smss, SYSTEM32 + "wininit.exe", "wininit.exe", directory=SYSTEM32)
    roots["winlogon"] = start(on, smss, SYSTEM32 + "winlogon.exe", "winlogon.exe", directory=SYSTEM32)
    roots["services"] = start(on, roots["wininit"], SYSTEM32 + "services.exe", SYSTEM32 + "services.exe")
    roots["lsass"] = start(on, roots["wininit"], SYSTEM32 + "lsass.exe", SYSTEM32 + "lsass.exe")
    for group, options in SERVICE_GROUPS.items():
        line = f"{SYSTEM32}svchost.exe {options}"
        roots[f"svchost:{group}"] = start(
            on, roots["services"], SYSTEM32 + "svchost.exe", line, session=seats.get(group, as_system)
        )
    for name, image in (OWN_SERVICES | SERVER_SERVICES.get(on.device.name, {})).items():
        roots[name] = start(on, roots["services"], image, f'"{image}"')


def _untold(
    on: Sensor, parent: Process, image: str, line: str, *, session: Session | None = None, directory: str = ""
) -> Process:
    who = session or parent.session
    return Process(on.new_guid(UP_S), on.new_pid(), image, line, directory or SYSTEM32, who.integrity, who)


def welcome(on: Sensor, person: Person, *, told: bool) -> tuple[Session, Process]:
    """Return the logon of a person at a device's own keyboard, and the desktop."""
    winlogon = on.state.roots["winlogon"]
    if not told:
        number = on.new_logon_id()
        session = on.session(f"{DOMAIN}\\{person.account}", on.world.sid(person), number, "1", "Medium", UP_S)
        return session, _untold(on, winlogon, EXPLORER, EXPLORER, session=session, directory=SYSTEM32)
    session = logons.log_on(on, person, logons.CONSOLE, terminal="1")
    userinit = processes.start(
        on, winlogon, SYSTEM32 + "userinit.exe", SYSTEM32 + "userinit.exe", session=session, directory=SYSTEM32
    )
    _map_drives(on, userinit)
    desktop = processes.start(on, userinit, EXPLORER, EXPLORER, directory=SYSTEM32)
    processes.end(on, userinit)
    for program, options in (("sihost.exe", ""), ("taskhostw.exe", " {222A245B-E637-4AE9-A93F-A59CA119A75E}")):
        processes.start(
            on,
            on.state.roots["svchost:netsvcs"],
            SYSTEM32 + program,
            program + options,
            session=session,
            directory=SYSTEM32,
        )
    processes.start(on, desktop, SYSTEM32 + "SecurityHealthSystray.exe")
    key = (
        f"HKU\\{session.sid}\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\SessionInfo\\1\\StartupHasBeenRun"
    )
    traces.set_value(on, desktop, key, "DWORD (0x00000001)")
    if on.device.work is Work.IT:
        processes.start(
            on, desktop, SYSTEM32 + "cmd.exe", f'"{SYSTEM32}cmd.exe" ', directory=f"C:\\Users\\{person.account}\\"
        )
    return session, desktop


def _map_drives(on: Sensor, userinit: Process) -> None:
    """Run the domain's logon script: drives and printers, as it has been done for twenty years."""
    shell = processes.start(on, userinit, SYSTEM32 + "cmd.exe", f'cmd.exe /c "{SCRIPTS}logon.cmd"')
    for line in ("net  use H: \\\\wph-fs01\\Shared /persistent:no", "net  use P: \\\\wph-fs01\\Exports /persistent:no"):
        processes.end(on, processes.start(on, shell, SYSTEM32 + "net.exe", line))
    script = processes.start(on, shell, SYSTEM32 + "wscript.exe", f'wscript.exe  //B "{SCRIPTS}printers.vbs"')
    key = f"HKU\\{userinit.session.sid}\\Printers\\Connections\\,,wph-fs01,MFD-2"
    traces.change_key(on, script, key)
    processes.end(on, script)
    processes.end(on, shell)
