"""Software is deployed: a setup runs from ProgramData, registers libraries, makes a service and a task."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import CLIENTS, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, POWERSHELL, SYSTEM32

CACHE = "C:\\ProgramData\\Example Manage\\Packages\\"
TARGET = "C:\\Program Files\\Example Forms\\"


def play(place: Place) -> Script:
    """The agent brings a package, msiexec lays it down, its helpers register what needs it."""
    on, agent = place.on, place.on.state.roots["agent"]
    package = f"{CACHE}forms-{place.rng.randrange(2, 9)}.1\\"
    setup = package + "setup.exe"
    traces.create(on, agent, setup)
    traces.create(on, agent, package + "forms.msi")
    process = processes.start(on, agent, setup, f'"{setup}" /quiet /norestart', directory=package)
    yield 3.0
    line = f'"{SYSTEM32}msiexec.exe" /i "{package}forms.msi" /qn REBOOT=ReallySuppress'
    installer = processes.start(on, process, SYSTEM32 + "msiexec.exe", line)
    for name in ("forms.exe", "formsvc.exe", "formshell.dll"):
        traces.create(on, installer, TARGET + name)
        yield 0.4
    yield from acts.run(on, installer, SYSTEM32 + "regsvr32.exe", f'regsvr32.exe /s "{TARGET}formshell.dll"', 0.5)
    line = f'rundll32.exe "{TARGET}formshell.dll",RegisterPrinter'
    yield from acts.run(on, installer, SYSTEM32 + "rundll32.exe", line, 0.5)
    upkeep.install_service(
        on, process.session, "ExampleForms", f'"{package}formsvc.exe"', title="Example Forms Updater"
    )
    line = f'sc.exe create ExampleFormsHelper binPath= "{TARGET}formsvc.exe" start= auto'
    yield from acts.run(on, process, SYSTEM32 + "sc.exe", line)
    line = f'schtasks.exe /create /tn "Example Forms Update" /tr "{package}setup.exe /check" /sc daily /ru SYSTEM /f'
    yield from acts.run(on, process, SYSTEM32 + "schtasks.exe", line)
    upkeep.register_task(on, process.session, "\\Example Forms Update", f"{package}setup.exe", "/check")
    key = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\Example Forms"
    traces.set_value(on, installer, key, f'"{TARGET}forms.exe" /tray')
    shell = processes.start(on, process, CMD, f'{CMD} /c powershell -ExecutionPolicy Bypass -File "{package}post.ps1"')
    yield from acts.run(on, shell, POWERSHELL, f'powershell  -ExecutionPolicy Bypass -File "{package}post.ps1"', 2.0)
    for one in (shell, installer, process):
        processes.end(on, one)


DEPLOYMENT = Habit("software is deployed", play, CLIENTS, (0.05, 0.15))
