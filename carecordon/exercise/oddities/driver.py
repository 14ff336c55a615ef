"""The maker of an analyser installs a new driver for it."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import SYSTEM32

FOLDER = "C:\\Analyser\\driver\\"


def play(place: Place) -> Script:
    """The maker's setup adds the driver to the store and starts it as a service of the kernel."""
    on, desk = place.on, place.desk
    setup = processes.start(
        on, desk.desktop, FOLDER + "install.exe", f'"{FOLDER}install.exe" /s', integrity="High", directory=FOLDER
    )
    yield from acts.run(
        on, setup, SYSTEM32 + "pnputil.exe", f"pnputil.exe /add-driver {FOLDER}xanalyser.inf /install", 6.0
    )
    traces.create(on, on.state.roots["System"], "C:\\Windows\\System32\\drivers\\xanalyser.sys")
    line = f"rundll32.exe setupapi.dll,InstallHinfSection DefaultInstall 132 {FOLDER}xanalyser.inf"
    yield from acts.run(on, setup, SYSTEM32 + "rundll32.exe", line, 2.0)
    upkeep.install_driver(on, "xanalyser", "\\SystemRoot\\System32\\drivers\\xanalyser.sys")
    processes.end(on, setup)


DRIVER = Habit(
    "an analyser's driver", play, frozenset(), (0.05, 0.15), AT_WORK, at_desk=True, devices=("wph-lab-ws01",)
)
