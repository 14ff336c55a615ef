"""A task still has a password that was changed: it fails every ten minutes until somebody notices."""

from __future__ import annotations

from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, traces
from carecordon.exercise.telemetry.logons import Manner


def play(place: Place) -> Script:
    """The same failure again and again, from one address, of one account."""
    on, rng, hospital = place.on, place.rng, place.hospital
    files = hospital.files
    manner = Manner(3, on.device.address, on.device.name.upper(), "NTLM")
    for _ in range(rng.randrange(6, 20)):
        traces.connect(on, on.state.roots["System"], files.device.address, 445, host=files.name)
        directory.check_password(hospital.controller, "svc-backup", on.device.name, "0xc000006a")
        logons.fail(files, "svc-backup", manner)
        yield 600.0


STALE_PASSWORD = Habit(
    "a task with an old password", play, frozenset(), (0.1, 0.4), AT_WORK, devices=("wph-bak01", "wph-pacs01")
)
