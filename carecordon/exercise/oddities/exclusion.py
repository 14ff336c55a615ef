"""The management server tells Defender to leave the records client's folder alone, as its maker asks."""

from __future__ import annotations

from carecordon.exercise.habit import CLIENTS, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import POWERSHELL

PATH = "C:\\Program Files\\Example EPR"
KEY = f"HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\Exclusions\\Paths\\{PATH}"


def play(place: Place) -> Script:
    """The agent runs one command; Defender's engine writes it down."""
    on, command = place.on, f'Add-MpPreference -ExclusionPath "{PATH}"'
    process = processes.start(on, on.state.roots["agent"], POWERSHELL, f'"{POWERSHELL}" -NoProfile -Command {command}')
    yield 1.0
    upkeep.run_script(on, process, command)
    traces.set_value(on, on.state.roots["defender"], KEY, "DWORD (0x00000000)")
    upkeep.change_defender(on, f"{KEY} = 0x0")
    processes.end(on, process)


EXCLUSION = Habit("an exclusion for the records client", play, CLIENTS, (0.03, 0.1))
