"""The image viewer: a list, some studies, from the archive to the screen."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import VIEWER
from carecordon.exercise.world import Work

CACHE = "D:\\PacsCache\\"


def play(place: Place) -> Script:
    """Fetch one study after the other over DICOM; each brings a handful of files."""
    on, rng, desk = place.on, place.rng, place.desk
    server = place.hospital.sensor("wph-pacs01")
    viewer = processes.start(
        on, desk.desktop, VIEWER, f'"{VIEWER}" /worklist', directory="C:\\Program Files\\Example PACS\\Viewer\\"
    )
    traces.ask(on, viewer, server.name, server.device.address)
    for _ in range(rng.randrange(3, 9)):
        yield 60 + rng.random() * 240
        traces.connect(on, viewer, server.device.address, 11112, host=server.name)
        study = f"{rng.getrandbits(32):08x}"
        for number in range(rng.randrange(3, 9)):
            traces.create(on, viewer, f"{CACHE}{study}\\{number:04d}.dcm")
            yield 0.2
        if rng.random() < 0.5:
            traces.delete(on, viewer, f"{CACHE}{rng.getrandbits(32):08x}\\0001.dcm")
    processes.end(on, viewer)


IMAGES = Habit("images are looked at", play, frozenset({Work.IMAGING}), (14, 20), (7.5, 20.0), at_desk=True)
