"""Files of the department, on the file server."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.world import Work

FOLDERS = ("Cardiology", "Theatres", "Finance", "Rotas", "Radiology", "Ward A", "Governance", "Pharmacy")


def play(place: Place) -> Script:
    """Some files of one folder are read, some written."""
    rng = place.rng
    folder = rng.choice(FOLDERS)
    names = [f"{folder}\\list-{rng.randrange(1, 600):03d}.xlsx" for _ in range(rng.randrange(2, 9))]
    yield from acts.use_files(place.hospital, place.on, place.desk.person, names, rng)


SHARES = Habit(
    "files on the server",
    play,
    frozenset({Work.OFFICE, Work.IT, Work.WARD, Work.IMAGING}),
    (10, 18),
    (7.0, 19.0),
    at_desk=True,
)
