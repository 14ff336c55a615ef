"""Windows' services ask and connect outside: time, telemetry, certificates, updates' metadata."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import traces

NAMES = ("settings.example.com", "telemetry.example.com", "crl.example.net", "ocsp.example.net", "time.example.org",
         "updates.example.com", "store.example.com", "login.example.com")  # fmt: skip
PLACE = "C:\\Windows\\ServiceProfiles\\NetworkService\\AppData\\LocalLow\\Microsoft\\CryptnetUrlCache\\MetaData\\"


def play(place: Place) -> Script:
    """A service host asks for one or two names and connects."""
    on, rng = place.on, place.rng
    for name in rng.sample(NAMES, rng.randrange(1, 3)):
        process = on.state.roots[rng.choice(("svchost:NetworkService", "svchost:netsvcs", "svchost:wuauserv"))]
        acts.visit(on, process, name)
        yield rng.random() * 3
    if rng.random() < 0.3:
        traces.create(on, on.state.roots["svchost:NetworkService"], f"{PLACE}{rng.getrandbits(64):016X}")


CLOUD = Habit("Windows connects outside", play, EVERYWHERE, (40, 60))
