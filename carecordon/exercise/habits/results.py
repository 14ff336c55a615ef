"""An analyser's workstation sends results to the pathology server."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces

LINK = "C:\\Analyser\\link\\hl7link.exe"


def play(place: Place) -> Script:
    """A batch of samples is done: each result is written and sent over HL7."""
    on, rng, desk = place.on, place.rng, place.desk
    server = place.hospital.sensor("wph-lims01")
    link = processes.start(on, desk.desktop, LINK, f'"{LINK}" /batch', directory="C:\\Analyser\\link\\")
    for _ in range(rng.randrange(4, 14)):
        yield 5 + rng.random() * 60
        path = f"C:\\Analyser\\out\\{rng.getrandbits(32):08x}.hl7"
        traces.create(on, link, path)
        traces.connect(on, link, server.device.address, 2575, host=server.name)
        traces.delete(on, link, path)
    processes.end(on, link)


RESULTS = Habit("results are sent", play, frozenset(), (18, 28), at_desk=True, devices=("wph-lab-ws01", "wph-lab-ws02"))
