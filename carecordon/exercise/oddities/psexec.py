"""An administrator runs PsExec to two servers: a service comes over the admin share and starts a shell."""

from __future__ import annotations

from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, SYSTEM32

TOOL = "C:\\Tools\\PsExec.exe"
COMMANDS = ("ipconfig /flushdns", "net start Spooler", "gpupdate /force")


def play(place: Place) -> Script:
    """Once for each of the two servers."""
    for name in ("wph-lims01", "wph-fs01"):
        yield from _reach(place, name)
        yield 40 + place.rng.random() * 60


def _reach(place: Place, name: str) -> Script:
    on, rng, hospital = place.on, place.rng, place.hospital
    server, admin, command = hospital.sensor(name), hospital.world.people["wph-mgmt01"], rng.choice(COMMANDS)
    line = f"PsExec.exe -accepteula \\\\{name} -s cmd /c {command}"
    tool = processes.start(on, place.desk.desktop, TOOL, line, integrity="High", directory="C:\\Tools\\")
    traces.connect(on, tool, server.device.address, 445, host=server.name)
    session = hospital.reach(on, admin, server, special=True)
    directory.open_share(server, session, "ADMIN$", on.device.address, "C:\\Windows")
    directory.use_share(server, session, "ADMIN$", on.device.address, "PSEXESVC.exe", "0x13019f")
    traces.create(server, server.state.roots["System"], "C:\\Windows\\PSEXESVC.exe")
    upkeep.install_service(server, session, "PSEXESVC", "%SystemRoot%\\PSEXESVC.exe", "demand start")
    service = processes.start(
        server, server.state.roots["services"], "C:\\Windows\\PSEXESVC.exe", "C:\\Windows\\PSEXESVC.exe"
    )
    for end in ("stdin", "stdout", "stderr"):
        processes.pipe(server, service, f"\\PSEXESVC-{on.device.name.upper()}-{tool.pid}-{end}", created=True)
    yield 0.6
    shell = processes.start(server, service, CMD, f'"cmd" /c {command}')
    program = command.partition(" ")[0]
    child = processes.start(server, shell, f"{SYSTEM32}{program}.exe", command)
    yield 2.0
    for process in (child, shell, service):
        processes.end(server, process)
    traces.delete(server, server.state.roots["System"], "C:\\Windows\\PSEXESVC.exe")
    logons.log_off(server, session, 3)
    processes.end(on, tool)


PSEXEC = Habit(
    "PsExec by an administrator", play, frozenset(), (0.8, 1.2), AT_WORK, at_desk=True, devices=("wph-it-ws01",)
)
