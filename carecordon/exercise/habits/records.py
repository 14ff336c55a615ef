"""The records client: opened, patients looked up, letters printed, closed."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import EPR
from carecordon.exercise.world import Work

CACHE = "C:\\ProgramData\\Example EPR\\Cache\\"


def play(place: Place) -> Script:
    """A patient after the other is called up, each from the records server."""
    on, rng, desk = place.on, place.rng, place.desk
    server = place.hospital.sensor("wph-epr01")
    client = processes.start(
        on, desk.desktop, EPR, f'"{EPR}" /site WPH', directory="C:\\Program Files\\Example EPR\\Client\\"
    )
    traces.ask(on, client, server.name, server.device.address)
    view = processes.start(
        on,
        client,
        "C:\\Program Files\\Example EPR\\Client\\eprview.exe",
        '"eprview.exe" --type=renderer',
        integrity="Low",
    )
    for _ in range(rng.randrange(2, 9)):
        yield 15 + rng.random() * 120
        traces.connect(on, client, server.device.address, 8443, host=server.name)
        traces.create(on, client, f"{CACHE}{rng.getrandbits(32):08x}.tmp")
        key = f"HKU\\{desk.session.sid}\\Software\\Example EPR\\Client\\Recent\\Item{rng.randrange(9)}"
        traces.set_value(on, client, key, "Binary Data")
        if rng.random() < 0.4:
            traces.delete(on, client, f"{CACHE}{rng.getrandbits(32):08x}.tmp")
    yield 5 + rng.random() * 20
    processes.end(on, view)
    processes.end(on, client)


RECORDS = Habit(
    "patients are looked up",
    play,
    frozenset({Work.WARD, Work.OFFICE, Work.IMAGING, Work.LAB}),
    (14, 24),
    (6.5, 21.0),
    at_desk=True,
)
