"""Programs that look at other programs: Windows' own, the virus scanner, the management agent; at lsass too."""

from __future__ import annotations

from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes

LOOKS = (
    ("svchost:netsvcs", "0x1000"),
    ("svchost:netsvcs", "0x1000"),
    ("svchost:DcomLaunch", "0x1000"),
    ("svchost:LocalService", "0x3000"),
    ("defender", "0x1410"),
    ("defender", "0x101000"),
    ("agent", "0x1400"),
)
"""Who asks for which rights. Of lsass too: most openings of it are harmless, and differ in who does it."""


def play(place: Place) -> Script:
    """One looks at a few others."""
    on, rng, roots = place.on, place.rng, place.on.state.roots
    source, access = rng.choice(LOOKS)
    for target in rng.sample(
        ("lsass", "services", "spooler", "search", "svchost:netsvcs", "agent"), rng.randrange(1, 4)
    ):
        if roots[target] is not roots[source]:
            processes.open_process(on, roots[source], roots[target], access)
        yield rng.random()


WATCHING = Habit("programs look at programs", play, EVERYWHERE, (10, 20))
