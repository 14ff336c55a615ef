"""Defender fetches new signatures, scans, and tells so."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep

FOLDER = "C:\\ProgramData\\Microsoft\\Windows Defender\\"
SIGNATURES = "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Signature Updates\\"


def play(place: Place) -> Script:
    """The command-line tool is started by the scheduler, and new signatures are laid down; or a quick scan is made."""
    on, rng = place.on, place.rng
    tool = f"{FOLDER}Platform\\4.18.24060.7-0\\MpCmdRun.exe"
    scheduler, engine = on.state.roots["svchost:netsvcs"], on.state.roots["defender"]
    scan = rng.random() < 0.3
    job = "Windows Defender Scheduled Scan" if scan else "Windows Defender Cache Maintenance"
    upkeep.start_task(on, f"\\Microsoft\\Windows\\Windows Defender\\{job}", tool)
    line = (
        f'"{tool}" Scan -ScheduleJob -ScanTrigger 55'
        if scan
        else f'"{tool}" SignatureUpdate -ScheduleJob -RestrictPrivileges'
    )
    process = processes.start(on, scheduler, tool, line)
    if scan:
        yield 120 + rng.random() * 400
        upkeep.scan_with_defender(on)
    else:
        acts.visit(on, engine, "signatures.example.com")
        yield 4 + rng.random() * 8
        folder = f"{FOLDER}Definition Updates\\{{{rng.getrandbits(32):08X}-5B1E-4C5A-9A1D-7C3E5D1B2F60}}\\"
        for name in ("mpavdlta.vdm", "mpasdlta.vdm", "mpengine.dll"):
            traces.create(on, engine, folder + name)
        if rng.random() < 0.05:  # a scan's own driver comes with the signatures
            upkeep.install_driver(on, f"MpKsl{rng.getrandbits(32):08x}", f"\\??\\{folder}MpKslDrv.sys")
        traces.set_value(on, engine, SIGNATURES + "AVSignatureVersion", f"1.413.{rng.randrange(100, 900)}.0")
        upkeep.update_defender(on, f"1.413.{rng.randrange(100, 900)}.0")
    processes.end(on, process)


PROTECTION = Habit("Defender updates and scans", play, EVERYWHERE, (3, 6))
