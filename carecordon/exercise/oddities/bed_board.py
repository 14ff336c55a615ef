"""The bed board is an old web application (HTA) on the file server, and still in use on every ward."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.world import Work


def play(place: Place) -> Script:
    """Open it, look at the beds, let its script write a list, close it."""
    on, rng, desk, files = place.on, place.rng, place.desk, place.hospital.files
    line = f'"{SYSTEM32}mshta.exe" "\\\\wph-fs01\\Apps\\BedBoard\\board.hta"'
    board = processes.start(on, desk.desktop, SYSTEM32 + "mshta.exe", line)
    traces.connect(on, on.state.roots["System"], files.device.address, 445, host=files.name)
    yield 5.0
    line = "wscript.exe \\\\wph-fs01\\Apps\\BedBoard\\list.vbs /ward"
    script = processes.start(on, board, SYSTEM32 + "wscript.exe", line)
    traces.create(on, script, f"C:\\Users\\{desk.person.account}\\AppData\\Local\\Temp\\beds-{rng.randrange(99)}.csv")
    yield 2.0
    processes.end(on, script)
    yield 120 + rng.random() * 300
    processes.end(on, board)


BED_BOARD = Habit("the old bed board", play, frozenset({Work.WARD}), (0.3, 1.0), (7.0, 20.0), at_desk=True)
