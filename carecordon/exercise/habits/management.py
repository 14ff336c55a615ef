"""The management agent takes stock: a script of its own, what is installed, and a report to its server."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, POWERSHELL, SYSTEM32

CACHE = "C:\\ProgramData\\Example Manage\\Cache\\"
QUESTIONS = (
    "Get-CimInstance Win32_QuickFixEngineering | Select-Object HotFixID, InstalledOn",
    "Get-ItemProperty 'HKLM:\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*' | Select-Object DisplayName",
    "Get-CimInstance Win32_LogicalDisk -Filter 'DriveType=3' | Select-Object DeviceID, FreeSpace",
    "Get-BitLockerVolume -MountPoint C: | Select-Object ProtectionStatus",
)


def play(place: Place) -> Script:
    """Ask the device one question, write the answer down and send it to the management server."""
    on, rng = place.on, place.rng
    agent = on.state.roots["agent"]
    if rng.random() < 0.5:
        script = f"{CACHE}inventory-{rng.randrange(1, 5)}.ps1"
        line = f'"{POWERSHELL}" -NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -File "{script}"'
        process = processes.start(on, agent, POWERSHELL, line, directory=CACHE)
        processes.load(on, process, SYSTEM32 + "amsi.dll")
        yield 0.7
        upkeep.run_script(on, process, rng.choice(QUESTIONS), script)
        upkeep.run_command(on, process, "Select-Object", {"Property": "DisplayName, DisplayVersion"}, script)
        yield 1 + rng.random() * 3
        processes.end(on, process)
    else:
        shell = processes.start(on, agent, CMD, f'"{CMD}" /c ipconfig /all > "{CACHE}net.txt"', directory=CACHE)
        yield from acts.run(on, shell, SYSTEM32 + "ipconfig.exe", "ipconfig  /all")
        processes.end(on, shell)
    traces.create(on, agent, f"{CACHE}report-{rng.getrandbits(24):06x}.json")
    server = place.hospital.sensor("wph-mgmt01")
    traces.connect(on, agent, server.device.address, 8443, host=server.name)


MANAGEMENT = Habit("the management agent takes stock", play, EVERYWHERE, (16, 24))
