"""The domain controller's own backup: the system state, the directory's database within it."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import SYSTEM32


def play(place: Place) -> Script:
    """The scheduler starts Windows' backup, which freezes the disk and writes an image."""
    on = place.on
    scheduler, services = on.state.roots["svchost:netsvcs"], on.state.roots["services"]
    upkeep.start_task(on, "\\Backup\\System state", SYSTEM32 + "wbadmin.exe")
    line = "wbadmin.exe start systemstatebackup -backupTarget:E: -quiet"
    tool = processes.start(on, scheduler, SYSTEM32 + "wbadmin.exe", line)
    upkeep.change_service(on, "Volume Shadow Copy", "running")
    engine = processes.start(on, services, SYSTEM32 + "wbengine.exe", '"C:\\Windows\\system32\\wbengine.exe"')
    yield 30.0
    traces.create(on, engine, "E:\\WindowsImageBackup\\WPH-DC01\\Backup\\c1f0.vhdx")
    yield 400.0
    line = "wbadmin.exe delete systemstatebackup -keepVersions:7 -quiet"
    processes.end(on, processes.start(on, scheduler, SYSTEM32 + "wbadmin.exe", line))
    processes.end(on, engine)
    processes.end(on, tool)
    upkeep.change_service(on, "Volume Shadow Copy", "stopped")


SYSTEM_STATE = Habit("the domain controller's backup", play, frozenset(), (1, 1), (11.0, 15.0), devices=("wph-dc01",))
