"""Servers' own jobs: a scheduled script exports, tidies up, and copies to the file server."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, POWERSHELL, SYSTEM32
from carecordon.exercise.world import Work

TASKS = (
    ("\\Exports\\Nightly list", "export-lists.ps1", "Export-Csv -Path D:\\Exports\\list.csv -NoTypeInformation"),
    (
        "\\Exports\\Tidy",
        "tidy-exports.ps1",
        "Get-ChildItem D:\\Exports -Filter *.csv | Where-Object Length -eq 0 | Remove-Item",
    ),
    ("\\Checks\\Disk", "check-disk.ps1", "Get-PSDrive -PSProvider FileSystem | Select-Object Name, Free"),
    ("\\Checks\\Services", "check-services.ps1", "Get-Service | Where-Object Status -ne 'Running'"),
)


def play(place: Place) -> Script:
    """The scheduler starts a script, or a command file that copies."""
    on, rng, files = place.on, place.rng, place.hospital.files
    scheduler = on.state.roots["svchost:netsvcs"]
    task, script, text = rng.choice(TASKS)
    path = f"C:\\Scripts\\{script}"
    upkeep.start_task(on, task, POWERSHELL)
    process = processes.start(
        on,
        scheduler,
        POWERSHELL,
        f'"{POWERSHELL}" -NoProfile -ExecutionPolicy RemoteSigned -File {path}',
        directory="C:\\Scripts\\",
    )
    yield 0.6
    upkeep.run_script(on, process, text, path)
    upkeep.run_command(on, process, text.partition(" ")[0], {"Path": "D:\\Exports"}, path)
    traces.create(on, process, f"D:\\Exports\\list-{rng.randrange(100):02d}.csv")
    yield 2 + rng.random() * 10
    processes.end(on, process)
    if rng.random() < 0.4 and on is not files:
        shell = processes.start(
            on, scheduler, CMD, f'{CMD} /c "C:\\Scripts\\copy-exports.cmd"', directory="C:\\Scripts\\"
        )
        person = place.hospital.world.services["svc-backup"]
        session = place.hospital.reach(on, person, files)
        directory.use_share(files, session, "Exports", on.device.address, "list.csv", "0x13019f")
        yield from acts.run(
            on, shell, SYSTEM32 + "Robocopy.exe", "robocopy D:\\Exports \\\\wph-fs01\\Exports *.csv /r:2", 4.0
        )
        logons.log_off(files, session, 3)
        processes.end(on, shell)


JOBS = Habit("servers' jobs", play, frozenset({Work.SERVER, Work.CONTROLLER}), (18, 30))
