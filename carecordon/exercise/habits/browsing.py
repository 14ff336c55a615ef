"""The browser: a page here and there, with the processes and names that it takes."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import EDGE
from carecordon.exercise.world import Work

FOLDER = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\"


def play(place: Place) -> Script:
    """Open the browser, read some pages, and close it."""
    on, rng, desk = place.on, place.rng, place.desk
    profile = f"C:\\Users\\{desk.person.account}\\AppData\\Local\\Microsoft\\Edge\\User Data\\Default\\"
    browser = processes.start(on, desk.desktop, EDGE, f'"{EDGE}" --profile-directory=Default', directory=FOLDER)
    children = [
        processes.start(
            on, browser, EDGE, f'"{EDGE}" --type={kind}', integrity="Low" if kind != "gpu-process" else "Medium"
        )
        for kind in ("crashpad-handler", "gpu-process", "utility --utility-sub-type=network.mojom.NetworkService")
    ]
    for _ in range(rng.randrange(2, 7)):
        if rng.random() < 0.5:
            children.append(
                processes.start(
                    on,
                    browser,
                    EDGE,
                    f'"{EDGE}" --type=renderer --lang=en-GB --renderer-client-id={rng.randrange(5, 90)}',
                    integrity="Low",
                )
            )
        for site in rng.sample(acts.SITES, rng.randrange(1, 4)):
            acts.visit(on, browser, site)
        traces.create(on, browser, f"{profile}Cache\\Cache_Data\\f_{rng.getrandbits(24):06x}")
        yield 20 + rng.random() * 160
    if rng.random() < 0.15:
        path = f"C:\\Users\\{desk.person.account}\\Downloads\\guideline-{rng.randrange(900)}.pdf"
        traces.create(on, browser, path + ".crdownload")
        traces.create(on, browser, path)
    for child in reversed(children):
        processes.end(on, child)
    processes.end(on, browser)


BROWSING = Habit(
    "pages are read", play, frozenset({Work.OFFICE, Work.IT, Work.WARD}), (7, 13), (7.0, 20.0), at_desk=True
)
