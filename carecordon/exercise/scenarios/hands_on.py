"""People at keyboards: from one letter to every device's files, over a day or several."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from carecordon.exercise.intrusion.ending import loot, ruin
from carecordon.exercise.intrusion.entry import entry
from carecordon.exercise.intrusion.movement import crown, movement
from carecordon.exercise.intrusion.steps import STEPS, Intrusion
from carecordon.exercise.intrusion.theft import theft
from carecordon.exercise.life import DAY, HOUR
from carecordon.exercise.scenario import Plot, Scenario
from carecordon.exercise.stage import US, Script
from carecordon.exercise.telemetry import logons, processes, traces
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.telemetry.programs import EXPLORER, SYSTEM32
from carecordon.exercise.world import Work

OPENS, CLOSES = 8.5, 17.5
PHASES: tuple[tuple[float, Callable[[Intrusion], Script]], ...] = (
    (0.40, theft),
    (0.53, movement),
    (0.66, crown),
    (0.76, loot),
    (0.86, ruin),
)
"""When after the letter's, as shares of the working day; over several days they are dealt out in this order."""
VISIT_AT, LETTER_AT = 0.16, 0.22


def plot(plot: Plot) -> None:
    """Choose who opens the letter, and let it come two hours after people have logged on."""
    hospital, rng = plot.hospital, plot.hospital.rng("hands_on")
    victim = rng.choice([device for device in hospital.of_work(Work.OFFICE) if device.name.startswith("wph-adm")])
    world = hospital.world
    plan = Intrusion(
        hospital, plot.kit, rng, hospital.sensors[victim.name], world.people[victim.name], world.people["wph-dc01"]
    )
    hospital.staying.add(victim.name)
    hospital.stage.at(_moment(plot, VISIT_AT, 0), _visit(plan))
    hospital.stage.at(_moment(plot, LETTER_AT, 0), _intrude(plot, plan))


def _moment(plot: Plot, share: float, day: int) -> float:
    """Return the second after the first midnight at which a phase begins."""
    first, last = max(OPENS, plot.span.first), min(CLOSES, plot.span.last)
    if last - first < 1.0:
        first, last = plot.span.first, plot.span.last
    return day * DAY + (first + share * (last - first)) * HOUR


def _visit(plan: Intrusion) -> Script:
    """The domain's administrator helps by remote desktop that morning, and leaves a password in memory."""
    on, origin = plan.first, plan.hospital.sensor("wph-it-ws01")
    if "winlogon" not in on.state.roots:
        return
    manner = Manner(10, origin.device.address, on.device.name, "Negotiate", SYSTEM32 + "svchost.exe", special=True)
    traces.accept(on, on.state.roots["svchost:NetworkService"], origin.device.address, 3389)
    session = logons.log_on(on, plan.ruler, manner, "2")
    desktop = processes.start(on, on.state.roots["winlogon"], EXPLORER, EXPLORER, session=session)
    console = processes.start(on, desktop, SYSTEM32 + "mmc.exe", f'"{SYSTEM32}mmc.exe" {SYSTEM32}devmgmt.msc')
    yield 240.0
    for process in (console, desktop):
        processes.end(on, process)
    logons.log_off(on, session, 10)


def _intrude(plot: Plot, plan: Intrusion) -> Script:
    """One phase after the other, each at its time or as soon as the one before is over."""
    stage = plan.hospital.stage
    while (desk := plan.hospital.desks.get(plan.first.device.name)) is None:
        yield 60.0
    yield from entry(plan, desk)
    for number, (share, phase) in enumerate(PHASES, 1):
        moment = _moment(plot, share, number * plot.days // (len(PHASES) + 1))
        yield max(30.0, moment - (stage.now_us - stage.start_us) / US)
        yield from phase(plan)


HANDS_ON = Scenario(
    "hands-on", "people at keyboards go from a letter to every device's files", date(2026, 11, 16), STEPS, plot
)
