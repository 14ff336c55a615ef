"""A worm on a Friday morning: an old machine finds the first victim, twenty minutes later a ward stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

from carecordon.exercise.hospital import Hospital
from carecordon.exercise.life import HOUR
from carecordon.exercise.names import Names
from carecordon.exercise.ruin import Ruin, encrypt
from carecordon.exercise.scenario import Plot, Scenario, Step
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, SYSTEM32
from carecordon.exercise.telemetry.sensor import Process, Sensor
from carecordon.exercise.world import NETWORK, OLD_ADDRESS, Device, Work

SCAN = Step(1, "network scan", "the Windows XP machine knocks at port 445 of every device", ("T1046",))
EXPLOIT = Step(2, "exploit", "lsass writes a program into C:\\Windows and starts it", ("T1210",))
SWITCH = Step(
    3, "kill switch", "the program asks for a long name that does not exist, and therefore goes on", ("T1480",)
)
SERVICE = Step(
    4,
    "service",
    "it installs itself as a service with `-m security`, and later one more for the ransom part",
    ("T1543.003",),
)
SPREAD = Step(5, "spread", "the service tries some forty addresses on port 445 within a minute", ("T1046", "T1210"))
DROP = Step(6, "ransom part", "the ransom part is dropped in ProgramData and started with `/i`", ("T1105", "T1036"))
HIDE = Step(7, "rights", "the folder is hidden, and everybody gets all rights", ("T1564.001", "T1222.001"))
RECOVERY = Step(8, "recovery removed", "shadow copies, boot recovery and the backup catalogue go", ("T1490",))
ENCRYPT = Step(9, "encryption", "a hundred files and more get a second ending within half a minute", ("T1486",))
NOTE = Step(10, "ransom notes", "one note in every folder, and the program that shows the demand beside it", ("T1486",))
PAPER = Step(11, "wallpaper", "the demand becomes the desktop's background", ("T1491.001",))
HIDDEN = Step(12, "anonymising network", "the demand's program connects to ports 9001 and 9050 outside", ("T1090.003",))


@dataclass(frozen=True, slots=True)
class Outbreak:
    """What all victims share; `services` are the worm's own by the address of their device, as they come up."""

    hospital: Hospital
    names: Names
    services: dict[str, tuple[Sensor, Process]]


def plot(plot: Plot) -> None:
    """Choose the victims and let the old machine begin at nine, or ten minutes into a recording that begins later."""
    hospital, rng = plot.hospital, plot.hospital.rng("friday")
    victims = _victims(hospital, rng)
    begin = max(9.0, plot.span.first + 1 / 6) * HOUR + rng.random() * 60
    hospital.stage.at(begin, _scan(hospital, rng))
    outbreak = Outbreak(hospital, plot.names, {})
    moment, sources = begin + 25 + rng.random() * 20, [OLD_ADDRESS]
    for number, victim in enumerate(victims):
        source = sources[rng.randrange(len(sources))]
        own = hospital.rng("friday", victim.name)
        hospital.stage.at(moment, _fall(outbreak, hospital.sensors[victim.name], source, own))
        sources.append(victim.address)
        moment += (18 if number < 3 else 40) + rng.random() * 35


def _victims(hospital: Hospital, rng: Random) -> Sequence[Device]:
    """Return the devices that nobody patched, in the order they fall; an imaging workstation is among the first."""
    weak = hospital.of_work(Work.OFFICE, Work.WARD, Work.LAB)
    victims = rng.sample(weak, rng.randrange(11, 18))
    victims.insert(rng.randrange(2, 6), rng.choice(hospital.of_work(Work.IMAGING)))
    return victims


def _scan(hospital: Hospital, rng: Random) -> Script:
    """The old machine goes through the network; the devices see who knocks."""
    devices = list(hospital.world.devices)
    rng.shuffle(devices)
    for device in devices:
        yield 0.2 + rng.random() * 1.1
        _knock(hospital, device.address, OLD_ADDRESS, SCAN)


def _knock(hospital: Hospital, address: str, source: str, step: Step) -> None:
    """Let the device at an address, if there is one that is on, see a connection to its port 445."""
    for sensor in hospital.sensors.values():
        if sensor.device.address == address and "System" in sensor.state.roots:
            view = sensor.marked(step.mark())
            traces.accept(view, view.state.roots["System"], source, 445)


def _fall(outbreak: Outbreak, on: Sensor, source: str, rng: Random) -> Script:
    """One device falls: everything that happens on it, from the exploit to the demand."""
    hospital, names = outbreak.hospital, outbreak.names
    if "lsass" not in on.state.roots:
        return
    lsass, path = on.state.roots["lsass"], f"C:\\Windows\\{names.worm}"
    exploited = on.marked(EXPLOIT.mark())
    if source in outbreak.services:
        sender, program = outbreak.services[source]
        traces.connect(sender.marked(SPREAD.mark()), program, on.device.address, 445)
    traces.accept(exploited, on.state.roots["System"], source, 445)
    yield 1.0 + rng.random()
    traces.create(exploited, lsass, path)
    yield 0.2
    worm = processes.start(exploited, lsass, path, path, directory=SYSTEM32, facts=names.worm_facts)
    yield 0.5 + rng.random()
    traces.ask(on.marked(SWITCH.mark()), worm, names.switch, status="9003")
    yield 0.6
    served = on.marked(SERVICE.mark())
    command = f"{path} -m security"
    upkeep.install_service(served, worm.session, names.service, command, title=names.service_title)
    service = processes.start(
        served, on.state.roots["services"], path, command, directory=SYSTEM32, facts=names.worm_facts
    )
    outbreak.services[on.device.address] = (on, service)
    hospital.stage.begin(_spread(hospital, on, service, rng), 0.4)
    yield from _hold_to_ransom(hospital, on, worm, names, rng)


def _spread(hospital: Hospital, on: Sensor, service: Process, rng: Random) -> Script:
    """The service tries the whole neighbourhood, and some addresses of the world."""
    view = on.marked(SPREAD.mark())
    near = [f"{NETWORK}{number}" for number in rng.sample(range(2, 250), rng.randrange(34, 46))]
    far = [f"{net}{rng.randrange(2, 250)}" for net in ("198.51.100.", "203.0.113.") for _ in range(3)]
    for address in near + far:
        yield rng.random() * 1.8
        traces.connect(view, service, address, 445)
        _knock(hospital, address, on.device.address, SPREAD)


def _hold_to_ransom(hospital: Hospital, on: Sensor, worm: Process, names: Names, rng: Random) -> Script:
    folder = f"C:\\ProgramData\\{names.folder}\\"
    path = folder + names.ransom
    dropped = on.marked(DROP.mark())
    yield 1.5 + rng.random() * 2
    traces.create(dropped, worm, path)
    yield 0.4
    ransom = processes.start(dropped, worm, path, f"{path} /i", directory=folder, facts=names.ransom_facts)
    upkeep.install_service(on.marked(SERVICE.mark()), worm.session, names.folder, f'cmd.exe /c "{path}"')
    yield from _settle(on, ransom, rng)
    helper = folder + names.helper
    traces.create(dropped, ransom, helper)
    yield from _encrypt(hospital, on, ransom, names, rng)
    hidden = on.marked(HIDDEN.mark())
    shown = processes.start(hidden, ransom, helper, f'"{helper}" co', directory=folder, facts=names.ransom_facts)
    for port in (9001, 9050, 9001):
        yield 1 + rng.random() * 4
        traces.connect(hidden, shown, f"198.51.100.{rng.randrange(2, 250)}", port)
    hospital.lose(on.device)


def _settle(on: Sensor, ransom: Process, rng: Random) -> Script:
    """Hide the folder, open all rights, and take away every way back."""
    for tool, line, technique in (
        ("attrib.exe", "attrib +h .", "T1564.001"),
        ("icacls.exe", "icacls . /grant Everyone:F /T /C /Q", "T1222.001"),
    ):
        yield 0.3 + rng.random()
        view = on.marked(HIDE.mark(technique))
        processes.end(view, processes.start(view, ransom, SYSTEM32 + tool, line))
    yield 2 + rng.random() * 5
    lines = (
        ("vssadmin.exe", "vssadmin  delete shadows /all /quiet"),
        ("wbem\\WMIC.exe", "wmic  shadowcopy delete"),
        ("bcdedit.exe", "bcdedit  /set {default} recoveryenabled no"),
        ("bcdedit.exe", "bcdedit  /set {default} bootstatuspolicy ignoreallfailures"),
        ("wbadmin.exe", "wbadmin  delete catalog -quiet"),
    )
    view = on.marked(RECOVERY.mark())
    joined = " & ".join(line.replace("  ", " ") for _, line in lines)
    shell = processes.start(view, ransom, CMD, f"{CMD} /c {joined}")
    for tool, line in lines:
        yield 0.4 + rng.random()
        processes.end(view, processes.start(view, shell, SYSTEM32 + tool, line))
    processes.end(view, shell)


def _encrypt(hospital: Hospital, on: Sensor, ransom: Process, names: Names, rng: Random) -> Script:
    """Rewrite the documents, leave a note in each folder, and change the background."""
    desk = hospital.desks.get(on.device.name)
    home = f"C:\\Users\\{desk.person.account if desk else 'Public'}\\Documents\\"
    ruin = Ruin(home, names.ending, names.note, rng.randrange(110, 150), names.helper)
    yield from encrypt(on.marked(ENCRYPT.mark()), on.marked(NOTE.mark()), ransom, ruin, rng)
    sid = desk.session.sid if desk else "S-1-5-18"
    yield 1.0
    shown = on.marked(PAPER.mark())
    traces.create(shown, ransom, home + names.wallpaper)
    traces.set_value(shown, ransom, f"HKU\\{sid}\\Control Panel\\Desktop\\Wallpaper", home + names.wallpaper)


STEPS = (SCAN, EXPLOIT, SWITCH, SERVICE, SPREAD, DROP, HIDE, RECOVERY, ENCRYPT, NOTE, PAPER, HIDDEN)
FRIDAY = Scenario("friday", "a worm encrypts a dozen devices within twenty minutes", date(2026, 11, 20), STEPS, plot)
