"""A supplier helps from afar: the support tool is fetched, installed as a service, used, and stays."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, EDGE, SYSTEM32
from carecordon.exercise.world import Work

TOOL = "C:\\Program Files\\Example Assist\\xassist.exe"


def play(place: Place) -> Script:
    """Fetch with the browser, install, talk for a while, look at the address and the services."""
    on, rng, desk = place.on, place.rng, place.desk
    setup = f"C:\\Users\\{desk.person.account}\\Downloads\\assist-setup.exe"
    browser = processes.start(on, desk.desktop, EDGE, f'"{EDGE}" --single-argument https://assist.example.com/join')
    acts.visit(on, browser, "assist.example.com")
    yield 20.0
    traces.create(on, browser, setup)
    traces.create(on, browser, f"{setup}:Zone.Identifier")
    installer = processes.start(on, desk.desktop, setup, f'"{setup}"', integrity="High")
    yield 6.0
    traces.create(on, installer, TOOL)
    upkeep.install_service(on, installer.session, "ExampleAssist", f'"{TOOL}" --service', title="Example Assist")
    processes.end(on, installer)
    service = processes.start(on, on.state.roots["services"], TOOL, f'"{TOOL}" --service')
    for _ in range(rng.randrange(10, 30)):
        traces.connect(on, service, acts.address_of("relay.assist.example.com"), 443, host="relay.assist.example.com")
        yield 20 + rng.random() * 20
    shell = processes.start(on, service, CMD, f"{CMD} /c ipconfig /all", session=desk.session, integrity="High")
    yield from acts.run(on, shell, SYSTEM32 + "ipconfig.exe", "ipconfig  /all")
    processes.end(on, shell)
    processes.end(on, browser)


REMOTE_SUPPORT = Habit(
    "remote support by a supplier",
    play,
    frozenset({Work.OFFICE, Work.LAB, Work.IMAGING}),
    (0.05, 0.15),
    AT_WORK,
    at_desk=True,
)
