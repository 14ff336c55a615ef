"""The backup makes a shadow copy at noon and prunes the oldest one."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, upkeep
from carecordon.exercise.telemetry.programs import CMD, SYSTEM32

AGENT = "C:\\Program Files\\Example Backup\\Agent\\xbagent.exe"


def play(place: Place) -> Script:
    """The agent calls the tool of Windows, twice."""
    on = place.on
    agent = processes.start(on, on.state.roots["services"], AGENT, f'"{AGENT}" --job noon')
    upkeep.change_service(on, "Volume Shadow Copy", "running")
    for line in (
        "vssadmin create shadow /for=D:",
        "vssadmin list shadows",
        "vssadmin delete shadows /for=D: /oldest /quiet",
    ):
        shell = processes.start(on, agent, CMD, f"{CMD} /c {line}")
        yield from acts.run(on, shell, SYSTEM32 + "vssadmin.exe", line, 2.0)
        processes.end(on, shell)
        yield 20.0
    processes.end(on, agent)


SHADOW_COPIES = Habit("the backup's shadow copies", play, frozenset(), (1, 1), (12.0, 13.0),
                      devices=("wph-fs01", "wph-epr01", "wph-pacs01"))  # fmt: skip
