"""An add-in of Word starts its helper, which fetches letter heads."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import CMD, OFFICE
from carecordon.exercise.world import Work


def play(place: Place) -> Script:
    """Word opens a template from the share; the add-in's helper runs, once by way of a command file."""
    on, rng, desk = place.on, place.rng, place.desk
    home = f"C:\\Users\\{desk.person.account}\\"
    tool = f"{home}AppData\\Local\\Example Letters\\letterhelper.exe"
    word = processes.start(
        on,
        desk.desktop,
        f"{OFFICE}WINWORD.EXE",
        f'"{OFFICE}WINWORD.EXE" /t "\\\\wph-fs01\\Shared\\head.dotm"',
        directory=home,
    )
    library = "C:\\Program Files\\Common Files\\Microsoft Shared\\VBA\\VBA7.1\\VBE7.DLL"
    processes.load(on, word, library, signed_by="Microsoft Corporation")
    yield 5.0
    helper = processes.start(on, word, tool, f'"{tool}" --head cardiology')
    acts.visit(on, helper, "letters.example.org")
    yield 4.0
    traces.create(on, helper, f"{home}AppData\\Local\\Temp\\head-{rng.randrange(99)}.dotm")
    processes.end(on, helper)
    if rng.random() < 0.3:
        line = f'{CMD} /c "{home}AppData\\Local\\Example Letters\\print.cmd"'
        yield from acts.run(on, word, CMD, line, 2.0)
    yield 240.0
    processes.end(on, word)


ADDIN = Habit("an add-in's helper", play, frozenset({Work.OFFICE}), (0.2, 0.6), AT_WORK, at_desk=True)
