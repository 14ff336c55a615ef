"""An administrator runs one script on many devices: PowerShell remoting, WMI and tasks from afar."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import logons, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, POWERSHELL, SYSTEM32
from carecordon.exercise.telemetry.sensor import Process

TEXT = "Get-Printer | Where-Object PortName -like 'wph-fs01*' | Remove-Printer"
COMMAND = "cmd.exe /c C:\\ProgramData\\ExampleFix\\fix.cmd"


def play(place: Place) -> Script:
    """Three devices by remoting, one by WMI."""
    on, rng, hospital = place.on, place.rng, place.hospital
    shell = processes.start(on, place.desk.desktop, POWERSHELL, f'"{POWERSHELL}" ')
    others = [device for device in hospital.world.devices if device.name.startswith(("wph-adm", "wph-wd"))]
    for device in rng.sample(others, 3):
        yield from _remoting(place, shell, device.name)
    yield from _wmi(place, shell, rng.choice(others).name)
    processes.end(on, shell)


def _remoting(place: Place, shell: Process, name: str) -> Script:
    on, hospital, target = place.on, place.hospital, place.hospital.sensor(name)
    upkeep.run_script(on, shell, f"Invoke-Command -ComputerName {name} -ScriptBlock {{ {TEXT} }}")
    traces.connect(on, shell, target.device.address, 5985, host=target.name)
    if "services" not in target.state.roots:
        return
    session = hospital.reach(on, hospital.world.people["wph-mgmt01"], target, special=True)
    host = processes.start(target, target.state.roots["svchost:DcomLaunch"], SYSTEM32 + "wsmprovhost.exe",
                           f"{SYSTEM32}wsmprovhost.exe -Embedding", session=session)  # fmt: skip
    yield 1.0
    upkeep.run_script(target, host, TEXT)
    yield 5.0
    processes.end(target, host)
    logons.log_off(target, session, 3)


def _wmi(place: Place, shell: Process, name: str) -> Script:
    on, hospital, target = place.on, place.hospital, place.hospital.sensor(name)
    line = f'wmic /node:{name} process call create "{COMMAND}"'
    tool = processes.start(on, shell, SYSTEM32 + "wbem\\WMIC.exe", line)
    traces.connect(on, tool, target.device.address, 135, host=target.name)
    if "services" in target.state.roots:
        session = hospital.reach(on, hospital.world.people["wph-mgmt01"], target, special=True)
        host = processes.start(target, target.state.roots["svchost:DcomLaunch"], SYSTEM32 + "wbem\\WmiPrvSE.exe",
                               f"{SYSTEM32}wbem\\wmiprvse.exe -secured -Embedding")  # fmt: skip
        yield from acts.run(target, host, CMD, COMMAND, 4.0, session=session)
        processes.end(target, host)
        logons.log_off(target, session, 3)
    yield 1.0
    processes.end(on, tool)


REMOTE_SCRIPT = Habit(
    "a script on many devices", play, frozenset(), (0.4, 0.8), AT_WORK, at_desk=True, devices=("wph-it-ws01",)
)
