"""The pathology server packs yesterday's messages: a second ending for each, and the old ones go, within a minute."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep

TOOL = "C:\\Program Files\\Example LIMS\\Tools\\pack.exe"


def play(place: Place) -> Script:
    """The scheduler starts the tool, which goes through the folder."""
    on, rng = place.on, place.rng
    upkeep.start_task(on, "\\LIMS\\Pack messages", TOOL)
    tool = processes.start(on, on.state.roots["svchost:netsvcs"], TOOL, f'"{TOOL}" D:\\Messages --older 1d')
    for number in range(rng.randrange(120, 260)):
        path = f"D:\\Messages\\{rng.choice(('chem', 'haem', 'micro'))}\\{number:05d}.hl7"
        traces.create(on, tool, path + ".gz")
        traces.delete(on, tool, path)
        yield 0.1 + rng.random() * 0.4
    processes.end(on, tool)


ARCHIVE_JOB = Habit("messages are packed", play, frozenset(), (1, 1), (2.0, 14.0), devices=("wph-lims01",))
