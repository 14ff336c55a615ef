"""The infusion gateway talks with the pumps of the wards, and tells the records server what runs."""

from __future__ import annotations

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces

GATEWAY = "C:\\Program Files\\Example Infusion\\gateway.exe"
NETWORK = "10.20.9."


def play(place: Place) -> Script:
    """A round: each pump reports, the gateway writes it down and passes it on."""
    on, rng, desk = place.on, place.rng, place.desk
    server = place.hospital.sensor("wph-epr01")
    gateway = processes.start(on, desk.desktop, GATEWAY, f'"{GATEWAY}" --round')
    for number in range(rng.randrange(4, 12)):
        traces.accept(on, gateway, f"{NETWORK}{20 + number}", 3613)
        traces.create(on, gateway, f"C:\\ProgramData\\Example Infusion\\spool\\{rng.getrandbits(32):08x}.xml")
        yield 2 + rng.random() * 20
        traces.connect(on, gateway, server.device.address, 2575, host=server.name)
    processes.end(on, gateway)


PUMPS = Habit("pumps report", play, frozenset(), (18, 28), at_desk=True, devices=("wph-inf-gw01",))
