"""The nightly backup: each server's agent freezes its disks, and the files go to the backup server."""

from __future__ import annotations

from carecordon.exercise.habit import NIGHT, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import logons, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.world import Work

AGENT = "C:\\Program Files\\Example Backup\\Agent\\xbagent.exe"


def play(place: Place) -> Script:
    """Start, freeze, send, end."""
    on, rng, target = place.on, place.rng, place.hospital.sensor("wph-bak01")
    person = place.hospital.world.services["svc-backup"]
    agent = processes.start(on, on.state.roots["services"], AGENT, f'"{AGENT}" --job nightly')
    upkeep.change_service(on, "Volume Shadow Copy", "running")
    writer = processes.start(on, on.state.roots["services"], SYSTEM32 + "VSSVC.exe", "C:\\Windows\\system32\\vssvc.exe")
    session = place.hospital.reach(on, person, target)
    for _ in range(rng.randrange(20, 60)):
        yield 5 + rng.random() * 60
        traces.connect(on, agent, target.device.address, 8550, host=target.name)
        if rng.random() < 0.3:
            traces.create(
                target, target.state.roots["main"], f"E:\\Backup\\{on.device.name}\\{rng.getrandbits(32):08x}.xbk"
            )
    logons.log_off(target, session, 3)
    processes.end(on, writer)
    upkeep.change_service(on, "Volume Shadow Copy", "stopped")
    processes.end(on, agent)


BACKUP = Habit("the nightly backup", play, frozenset({Work.SERVER, Work.CONTROLLER}), (1, 1), NIGHT)
