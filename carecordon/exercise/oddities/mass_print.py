"""Hundreds of appointment letters are printed at once: as many files come and go within minutes."""

from __future__ import annotations

from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import OFFICE


def play(place: Place) -> Script:
    """Word merges letters into files, the spooler takes each, and they are deleted."""
    on, rng, desk = place.on, place.rng, place.desk
    home = f"C:\\Users\\{desk.person.account}\\Documents\\Merge\\"
    word = processes.start(
        on, desk.desktop, f"{OFFICE}WINWORD.EXE", f'"{OFFICE}WINWORD.EXE" /mmerge "{home}appointment.docx"'
    )
    spooler = on.state.roots["spooler"]
    for number in range(rng.randrange(180, 320)):
        path = f"{home}letter-{number:03d}.docx.pdf"
        traces.create(on, word, path)
        traces.create(on, spooler, f"C:\\Windows\\System32\\spool\\PRINTERS\\{number:05d}.SPL")
        yield 0.2 + rng.random()
        traces.delete(on, word, path)
        traces.delete(on, spooler, f"C:\\Windows\\System32\\spool\\PRINTERS\\{number:05d}.SPL")
    processes.end(on, word)


MASS_PRINT = Habit("hundreds of letters printed", play, frozenset(), (0.5, 1), AT_WORK, at_desk=True,
                   devices=("wph-adm-ws02", "wph-adm-ws06"))  # fmt: skip
