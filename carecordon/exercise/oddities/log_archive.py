"""IT keeps an old workstation's logs in a file and clears them, since its disk is full."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import logons, processes, traces, upkeep
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.telemetry.programs import CMD, EXPLORER, SYSTEM32


def play(place: Place) -> Script:
    """An administrator comes by remote desktop, exports each log, clears it and leaves."""
    on, hospital = place.on, place.hospital
    origin, admin = hospital.sensor("wph-it-ws02"), hospital.world.people["wph-mgmt01"]
    session = logons.log_on(
        on,
        admin,
        Manner(10, origin.device.address, on.device.name, "Negotiate", SYSTEM32 + "svchost.exe", special=True),
        "3",
    )
    desktop = processes.start(on, on.state.roots["winlogon"], EXPLORER, EXPLORER, session=session)
    shell = processes.start(on, desktop, CMD, f'"{CMD}" ', directory="C:\\Windows\\System32\\")
    for log in ("Application", "System"):
        path = f"D:\\LogArchive\\{log}.evtx"
        yield from acts.run(on, shell, SYSTEM32 + "wevtutil.exe", f"wevtutil epl {log} {path}", 3.0)
        traces.create(on, on.state.roots["svchost:LocalService"], path)
        yield 8.0
        yield from acts.run(on, shell, SYSTEM32 + "wevtutil.exe", f"wevtutil cl {log}", 1.0)
        upkeep.clear_log(on, session, log)
        yield 10.0
    processes.end(on, shell)
    processes.end(on, desktop)
    logons.log_off(on, session, 10)


LOG_ARCHIVE = Habit("logs are kept and cleared", play, frozenset(), (0.1, 0.4), AT_WORK, devices=("wph-lab-ws02",))
