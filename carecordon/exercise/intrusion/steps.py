"""The steps of an intrusion by people at keyboards, and what its phases hand on to one another."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random

from carecordon.exercise.hospital import Hospital
from carecordon.exercise.names import Kit
from carecordon.exercise.scenario import Step
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes
from carecordon.exercise.telemetry.programs import CMD, SYSTEM32
from carecordon.exercise.telemetry.sensor import Process, Sensor
from carecordon.exercise.world import Person

LETTER = Step(1, "letter", "a letter's attachment starts a hidden, encoded PowerShell",
              ("T1566.001", "T1204.002", "T1059.001"))  # fmt: skip
TOOL = Step(2, "tool", "a program is fetched into the user's folder and started", ("T1105",))
RETURN = Step(3, "return", "a run key and a task bring it back; it asks for work every minute",
              ("T1547.001", "T1053.005", "T1071.001"))  # fmt: skip
SURVEY = Step(4, "survey", "who am I, who rules here, what else is there",
              ("T1033", "T1087.002", "T1482", "T1135", "T1018", "T1069.002"))  # fmt: skip
BLIND = Step(5, "protection off", "Defender is switched off and told to look away", ("T1685",))
THEFT = Step(6, "passwords", "from memory, from tickets, from the registry", ("T1003.001", "T1558.003", "T1003.002"))
MOVE = Step(7, "movement", "to servers by admin share and service, WMI, remote desktop and a stolen hash",
            ("T1021.002", "T1569.002", "T1047", "T1021.001", "T1550.002"))  # fmt: skip
CROWN = Step(8, "domain controller", "the directory's database is copied, and its secrets replicated",
             ("T1003.003", "T1003.006"))  # fmt: skip
ACCOUNT = Step(9, "account", "a new account becomes Domain Admin", ("T1136.002", "T1098"))
LOOT = Step(10, "loot", "files are packed with a password and sent outside", ("T1560.001", "T1567.002"))
POLICY = Step(11, "policy", "a group policy brings a task to every device", ("T1484.001", "T1053.005"))
RUIN = Step(12, "ruin", "no way back, services stopped, files encrypted, notes", ("T1490", "T1489", "T1486"))
TRACKS = Step(13, "logs cleared", "on the domain controller and the servers", ("T1685.005",))

Gives = Generator[float, None, Process]
"""A script that leaves a process behind."""

STEPS = (LETTER, TOOL, RETURN, SURVEY, BLIND, THEFT, MOVE, CROWN, ACCOUNT, LOOT, POLICY, RUIN, TRACKS)


@dataclass(slots=True)
class Intrusion:
    """Who does it with what, and how far they are: each phase sets what later ones need."""

    hospital: Hospital
    kit: Kit
    rng: Random
    first: Sensor
    """The device whose user opens the letter."""
    user: Person
    ruler: Person
    """The administrator whose password is in the memory of that device."""
    loader: Process | None = None
    elevated: Process | None = None
    on_files: Process | None = None
    """Their program on the file server."""
    on_controller: Process | None = None

    @property
    def home(self) -> str:
        """Return the first victim's folder, with its last backslash."""
        return f"C:\\Users\\{self.user.account}\\"


def typed(
    view: Sensor, parent: Process, program: str, line: str, rng: Random, effect: Callable[[], None] | None = None
) -> Script:
    """Run one command of Windows as somebody types it, a moment apart; `net` hands its work to `net1`.

    `effect` tells what the command does, while it runs.
    """
    process = processes.start(view, parent, SYSTEM32 + program, line)
    if program == "net.exe":
        inner = processes.start(view, process, SYSTEM32 + "net1.exe", f"{SYSTEM32}net1 {line.partition(' ')[2]}")
        yield 0.2
        processes.end(view, inner)
    if effect is not None:
        effect()
    yield 0.3 + rng.random()
    processes.end(view, process)
    yield 4 + rng.random() * 16


def shell(view: Sensor, parent: Process, line: str) -> Process:
    """Return a command shell that runs a line."""
    return processes.start(view, parent, CMD, f"{CMD} /c {line}")


def there(process: Process | None) -> Process:
    """Return the process that an earlier phase left. Raises ValueError if phases are out of order."""
    if process is None:
        raise ValueError("a phase of the intrusion comes before the one that it needs")
    return process
