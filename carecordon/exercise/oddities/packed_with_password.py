"""Finance packs the payroll with a password before it goes to the bank."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import CMD, EDGE, SEVEN_ZIP


def play(place: Place) -> Script:
    """A command file packs, the browser sends."""
    on, rng, desk = place.on, place.rng, place.desk
    home = f"C:\\Users\\{desk.person.account}\\Documents\\"
    shell = processes.start(on, desk.desktop, CMD, f'{CMD} /c ""{home}pack-payroll.cmd" "', directory=home)
    path = f"{home}payroll-{rng.randrange(1, 13):02d}.zip"
    line = f'"{SEVEN_ZIP}" a -tzip -pExample-{rng.randrange(1000, 9999)} "{path}" "{home}payroll\\*.csv"'
    process = processes.start(on, shell, SEVEN_ZIP, line)
    yield 3.0
    traces.create(on, process, path)
    processes.end(on, process)
    processes.end(on, shell)
    yield 60.0
    browser = processes.start(on, desk.desktop, EDGE, f'"{EDGE}" --single-argument https://bank.example.com/upload')
    acts.visit(on, browser, "bank.example.com")
    yield 90.0
    processes.end(on, browser)


PACKED_WITH_PASSWORD = Habit("payroll packed with a password", play, frozenset(), (0.3, 0.7), AT_WORK, at_desk=True,
                             devices=("wph-fin-ws01", "wph-fin-ws02"))  # fmt: skip
