"""Windows looks for updates, fetches parts of them, and now and then installs one."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import kinds, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import SYSTEM32

STORE = "C:\\Windows\\SoftwareDistribution\\Download\\"


def play(place: Place) -> Script:
    """The orchestrator looks, the update service fetches; installing takes the module installer."""
    on, rng, updater = place.on, place.rng, place.on.state.roots["svchost:wuauserv"]
    upkeep.start_task(
        on, "\\Microsoft\\Windows\\UpdateOrchestrator\\Schedule Scan", "%systemroot%\\system32\\usoclient.exe"
    )
    yield from acts.run(
        on,
        on.state.roots["svchost:netsvcs"],
        SYSTEM32 + "UsoClient.exe",
        "C:\\Windows\\system32\\usoclient.exe StartScan",
        2.0,
    )
    acts.visit(on, updater, "updates.example.com")
    upkeep.change_service(on, "Windows Update", "running")
    if rng.random() < 0.3:
        folder = f"{STORE}{rng.getrandbits(64):016x}\\"
        for number in range(rng.randrange(3, 9)):
            yield 1 + rng.random() * 5
            traces.create(on, updater, f"{folder}windows10.0-kb50{rng.randrange(20000, 49999)}-x64-{number}.cab")
        worker = processes.start(
            on,
            on.state.roots["svchost:DcomLaunch"],
            "C:\\Windows\\servicing\\TrustedInstaller.exe",
            "C:\\Windows\\servicing\\TrustedInstaller.exe",
        )
        yield 30 + rng.random() * 90
        told = {"updateTitle": f"2026-11 Update (KB50{rng.randrange(20000, 49999)})", "updateRevisionNumber": "1"}
        on.emit(kinds.UPDATE_INSTALLED, told)
        processes.end(on, worker)
    yield 600.0
    upkeep.change_service(on, "Windows Update", "stopped")


UPDATES = Habit("updates", play, EVERYWHERE, (2, 4))
