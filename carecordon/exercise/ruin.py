"""How files are held to ransom: rewritten under a second ending, the old ones deleted, a note in every folder."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import traces
from carecordon.exercise.telemetry.sensor import Process, Sensor

FOLDERS = ("Letters", "Clinics", "Rotas", "Images", "Results", "Theatre lists", "Audit", "Teaching", "Forms", "Scans")
ENDINGS = ("docx", "xlsx", "pdf", "jpg", "pptx", "txt", "zip", "csv")
PER_FOLDER = 15


@dataclass(frozen=True, slots=True)
class Ruin:
    """What is done to which files: `home` ends with a backslash."""

    home: str
    ending: str
    note: str
    files: int
    beside: str = ""
    """A program that is copied beside each note."""


def encrypt(writing: Sensor, noting: Sensor, program: Process, ruin: Ruin, rng: Random) -> Script:
    """Rewrite the files of one folder after the other, some seven a second."""
    for number in range(ruin.files):
        folder = ruin.home + FOLDERS[number // PER_FOLDER % len(FOLDERS)]
        if number % PER_FOLDER == 0:
            traces.create(noting, program, f"{folder}\\{ruin.note}")
            if ruin.beside:
                traces.create(noting, program, f"{folder}\\{ruin.beside}")
        path = f"{folder}\\{rng.choice(FOLDERS).lower()}-{number:03d}.{rng.choice(ENDINGS)}"
        traces.create(writing, program, path + ruin.ending)
        traces.delete(writing, program, path)
        yield 0.05 + rng.random() * 0.18
