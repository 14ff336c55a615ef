"""The management tool sends its scripts as encoded PowerShell, so that quotes survive the way."""

from __future__ import annotations

import base64

from carecordon.exercise.habit import CLIENTS, SERVERS, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, upkeep
from carecordon.exercise.telemetry.programs import POWERSHELL

TEXTS = (
    "Get-CimInstance Win32_ComputerSystem | Select-Object Model, TotalPhysicalMemory | ConvertTo-Json",
    "Get-ItemProperty 'HKLM:\\SOFTWARE\\Example EPR' | Select-Object Version | ConvertTo-Json",
    "(Get-Process | Measure-Object WorkingSet -Sum).Sum",
)


def play(place: Place) -> Script:
    """The agent starts PowerShell with an encoded command."""
    on, text = place.on, place.rng.choice(TEXTS)
    encoded = base64.b64encode(text.encode("utf-16-le")).decode()
    line = f'"{POWERSHELL}" -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {encoded}'
    process = processes.start(on, on.state.roots["agent"], POWERSHELL, line)
    yield 0.8
    upkeep.run_script(on, process, text)
    yield 1.5
    processes.end(on, process)


ENCODED_SCRIPT = Habit("encoded PowerShell by the management tool", play, CLIENTS | SERVERS, (0.1, 0.4))
