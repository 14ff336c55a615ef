"""A made-up outbreak: a worm on twelve devices of a hospital, told as one critical incident, and a harmless low one."""

from __future__ import annotations

from carecordon.model.incident import (
    Alert,
    Case,
    Chain,
    DeviceAsset,
    Entity,
    EntityKind,
    EventSeen,
    Fact,
    Incident,
    Phase,
    Place,
    ProcessSeen,
    Score,
    Story,
    Summand,
)
from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.model.result import Begin, Result
from tests.replacing import replace
from tests.report.sample import START, SYSMON, S, closing

FILE = "evidence/{}.jsonl"
TASKSVC = r"C:\Windows\hvpqsvc.exe"
PAYLOAD = r"C:\ProgramData\kqzwblm\taskdl.exe"
DEVICES = tuple(
    f"wph-{name}.wph.example.org"
    for name in (
        "rad-ws02", "rad-ws01", "ward7-pc1", "ward7-pc2", "ward3-pc1", "path-srv1", "ed-pc04", "ed-pc05", "fin-pc02",
        "files-srv1", "theatre-pc1", "pharm-pc3",
    )
)  # fmt: skip

SERVICE = RuleHead(
    "r-service", "Service that runs a program from the Windows folder itself", Level.HIGH, ("T1543.003",),
    "rules/persistence/service.yml", 1, tactics=("persistence",),
    triage=("Look up the program's hash.", "Ask whoever deploys software if they installed it.",
            "If nobody did, cut the device off."),
)  # fmt: skip
FAN = RuleHead(
    "r-fan", "One program reaches many devices on port 445 within a minute", Level.CRITICAL, ("T1046", "T1210"),
    "rules/lateral-movement/fan.yml", 1, tactics=("lateral-movement", "discovery"),
)  # fmt: skip
SHADOWS = RuleHead(
    "r-shadows", "Shadow copies deleted", Level.HIGH, ("T1490",), "rules/impact/shadows.yml", 1, tactics=("impact",),
    benign=("Backup software that thins out its own copies",),
)  # fmt: skip
GRANT = RuleHead(
    "r-grant", "Everyone given full rights to a whole tree", Level.MEDIUM, ("T1222.001",), "rules/x/grant.yml", 1
)
ENCRYPTED = RuleHead(
    "r-encrypted", "Many files rewritten with a new ending", Level.CRITICAL, ("T1486",), "rules/impact/files.yml", 1
)
REMOTE = RuleHead("r-remote", "Remote support tool started", Level.LOW, ("T1219",), "rules/command/remote.yml", 1)

SHADOW_LINE = (
    "cmd.exe /c vssadmin delete shadows /all /quiet & wmic shadowcopy delete & bcdedit /set {default} "
    "bootstatuspolicy ignoreallfailures & bcdedit /set {default} recoveryenabled no & wbadmin delete catalog -quiet"
)


def short(device: str) -> str:
    """Return the device's own name."""
    return device.split(".", maxsplit=1)[0]


def _event(device: str, position: int, second: float, event_id: int, process: str | None, **fields: str) -> EventSeen:
    time = START + int(second * S)
    return EventSeen(
        FILE.format(short(device)), position, 5000 + position, time, device, SYSMON, event_id, process, dict(fields)
    )


def _events(number: int, device: str) -> list[EventSeen]:
    """Return what one device saw, some 90 seconds after the one before it."""
    at, service, payload = number * 90.0, f"{device}|svc", f"{device}|ransom"
    lsass = r"C:\Windows\System32\lsass.exe"
    return [
        _event(device, 1, at - 4, 3, None, SourceIp="10.20.7.9", DestinationPort="445", Initiated="false"),
        _event(device, 2, at, 11, f"{device}|lsass", Image=lsass, TargetFilename=TASKSVC),
        _event(device, 3, at + 1, 1, service, Image=TASKSVC, CommandLine=f"{TASKSVC} -m security", ParentImage=lsass,
               User=r"NT AUTHORITY\SYSTEM", Hashes="SHA256=" + "5d" * 32),
        *(_event(device, 4 + n, at + 3 + n * 1.5, 3, service, Image=TASKSVC, DestinationIp=f"10.20.7.{20 + n}",
                 DestinationPort="445") for n in range(24)),
        _event(device, 30, at + 44, 1, payload, Image=PAYLOAD, CommandLine=f"{PAYLOAD} /i", ParentImage=TASKSVC,
               User=r"NT AUTHORITY\SYSTEM"),
        _event(device, 31, at + 47, 1, f"{device}|icacls", Image=r"C:\Windows\System32\icacls.exe",
               CommandLine="icacls . /grant Everyone:F /T /C /Q", ParentImage=PAYLOAD),
        _event(device, 32, at + 52, 1, f"{device}|cmd", Image=r"C:\Windows\System32\cmd.exe",
               CommandLine=SHADOW_LINE, ParentImage=PAYLOAD),
        *(_event(device, 40 + n, at + 60 + n / 3, 11, payload, Image=PAYLOAD,
                 TargetFilename=rf"C:\Users\j.marlow\Documents\clinic {n}.docx.kqzw") for n in range(40)),
    ]  # fmt: skip


def _processes(device: str, number: int) -> tuple[ProcessSeen, ...]:
    at, system = START + number * 90 * S, r"NT AUTHORITY\SYSTEM"
    rows: list[tuple[str, str | None, int, str, str | None, bool]] = [
        ("lsass", None, 648, r"C:\Windows\System32\lsass.exe", None, True),
        ("svc", "lsass", 4120, TASKSVC, f"{TASKSVC} -m security", False),
        ("ransom", "svc", 5236, PAYLOAD, f"{PAYLOAD} /i", False),
        ("icacls", "ransom", 5300, r"C:\Windows\System32\icacls.exe", "icacls . /grant Everyone:F /T /C /Q", False),
        ("cmd", "ransom", 5312, r"C:\Windows\System32\cmd.exe", SHADOW_LINE, False),
        ("vss", "cmd", 5320, r"C:\Windows\System32\vssadmin.exe", "vssadmin delete shadows /all /quiet", True),
    ]
    return tuple(
        ProcessSeen(f"{device}|{key}", parent and f"{device}|{parent}", device, pid, image, line, system, at, context)
        for key, parent, pid, image, line, context in rows
    )


def _match(rule: RuleHead, event: EventSeen) -> Match:
    return Match(
        rule, event.file, event.position, event.record_id, event.time, event.device, event.channel, event.event_id,
        {name: value for name, value in event.fields.items() if name not in ("Hashes", "User")},
    )  # fmt: skip


def _alerts(device: str, events: list[EventSeen]) -> list[Alert]:
    at = {event.position: event for event in events}
    rows = [(SERVICE, 3, 1, 3), (FAN, 4, 24, 27), (GRANT, 31, 1, 31), (SHADOWS, 32, 2, 32), (ENCRYPTED, 40, 40, 79)]
    return [
        Alert(rule, device, at[first].process, at[first].time, at[last].time, count, _match(rule, at[first]))
        for rule, first, count, last in rows
    ]


def _facts() -> tuple[Fact, ...]:
    facts = []
    for number, device in enumerate(DEVICES):
        at, file = START + number * 90 * S, FILE.format(short(device))
        phase = Phase.BEFORE if number == 0 else Phase.DURING
        rows = [
            (-4, "An address that is no known device, 10.20.7.9, connected to port 445.", (), phase, 1, 1),
            (0, f"lsass.exe wrote the program {TASKSVC}.", (), phase, 2, 1),
            (1, f"lsass.exe started it as SYSTEM: {TASKSVC} -m security.", ("T1543.003",), Phase.DURING, 3, 1),
            (3, "It connected to 24 devices on port 445 in 36 s.", ("T1046", "T1210"), Phase.DURING, 4, 24),
            (47, "taskdl.exe gave everyone full rights to the whole drive.", ("T1222.001",), Phase.DURING, 31, 1),
            (52, "taskdl.exe deleted the shadow copies and switched recovery off.", ("T1490",), Phase.DURING, 32, 2),
            (60, "taskdl.exe rewrote 40 files with the ending .kqzw.", ("T1486",), Phase.DURING, 40, 40),
        ]  # fmt: skip
        facts += [
            Fact(at + second * S, device, text, techniques, phase, file, position, count)
            for second, text, techniques, phase, position, count in rows
        ]
    end = START + (len(DEVICES) * 90 + 600) * S
    facts.append(
        Fact(end, DEVICES[0], "j.marlow logged on again.", (), Phase.AFTER, FILE.format(short(DEVICES[0])), 90)
    )
    return tuple(sorted(facts, key=lambda fact: (fact.time, fact.device)))


STORY = Story(
    "A worm came from the unmanaged address 10.20.7.9, ran on 12 devices within 17 minutes, "
    "deleted their shadow copies and encrypted files on each of them.",
    (),
    (
        "Cut the twelve devices off the network now, wph-rad-ws02 first; leave them switched on.",
        "Block port 445 between wards at the core switches, and find the device at 10.20.7.9.",
        "Tell the clinical site manager that imaging and pathology screens are affected, and start the paper process.",
        "Keep the newest offline backup away from the network until it has been checked.",
    ),
    (
        "How 10.20.7.9 was infected: no log of that device is here.",
        "Whether data left the hospital: no log of the firewall is here.",
    ),
)


def worm() -> Case:
    """Return the outbreak."""
    by_device = {device: _events(number, device) for number, device in enumerate(DEVICES)}
    alerts = [alert for device in DEVICES for alert in _alerts(device, by_device[device])]
    alerts.sort(key=lambda alert: alert.first)
    events = sorted((event for events in by_device.values() for event in events), key=lambda event: event.time)
    places = [Place(alert.sample.file, alert.sample.position, alert.rule.id) for alert in alerts]
    first, last = alerts[0].first, max(alert.last for alert in alerts)
    score = Score(
        100,
        (
            Summand("severity", 40, "the worst rules that matched are critical"),
            Summand("techniques", 24, "6 distinct techniques"),
            Summand("spread", 20, "it stands on 12 devices"),
            Summand("rarity", 10, "hvpqsvc.exe is on no other device of this data"),
            Summand("assets", 6, "a pathology server and an imaging workstation are among them"),
        ),
    )
    entities = (
        *(Entity(EntityKind.DEVICE, device, None, first, last, 60) for device in DEVICES),
        Entity(EntityKind.ACCOUNT, r"WPH\j.marlow", None, first, last, 480),
        Entity(EntityKind.ADDRESS, "10.20.7.9", None, first - 4 * S, last, 12),
        Entity(EntityKind.FILE, TASKSVC, None, first, last, 324),
        Entity(EntityKind.HASH, "SHA256=" + "5d" * 32, None, first, last, 12),
        Entity(EntityKind.SERVICE, "hvpqsvc2.0", None, first, last, 12),
    )
    incident = Incident(
        "3f2a9c01d47be852", ("91c0ffee12ab34cd",), "A program spreads over port 445 and encrypts files on 12 devices",
        Level.CRITICAL, score, DEVICES, first, last, ("T1543.003", "T1046", "T1210", "T1222.001", "T1490", "T1486"),
        tuple(alerts), (Chain(FAN, 24, first, first + 40 * S),), entities,
        tuple(process for number, device in enumerate(DEVICES) for process in _processes(device, number)),
        tuple(sorted(places, key=lambda place: (place.file, place.position))),
        ("the address 10.20.7.9 on 12 devices", f"the file {TASKSVC} on 12 devices"),
    )  # fmt: skip
    return Case(incident, replace(STORY, facts=_facts()), events, 1204)


def clinical() -> Case:
    """Return the outbreak with a list of devices, and three of them only connected to: the first, third and last."""
    case = worm()
    touched = (DEVICES[0], DEVICES[2], DEVICES[-1])
    assets = (
        DeviceAsset(DEVICES[10], "theatre", "S3"),
        DeviceAsset(DEVICES[5], "lab.lims", "S2"),
        DeviceAsset(DEVICES[11], "pharmacy.robot", "S2"),
        DeviceAsset(DEVICES[0], "office", "S0"),
    )
    alerts = tuple(alert for alert in case.incident.alerts if alert.device not in touched)
    return replace(case, incident=replace(case.incident, alerts=alerts, assets=assets))


def harmless() -> Case:
    """Return an incident that is none: remote support, used as it should be."""
    device = "wph-fin-pc07.wph.example.org"
    image = r"C:\Program Files\Fernhilfe\fernhilfe.exe"
    event = _event(device, 7, -9000, 1, f"{device}|remote", Image=image, CommandLine=f'"{image}"', User=r"WPH\it.lane")
    alert = Alert(REMOTE, device, event.process, event.time, event.time, 1, _match(REMOTE, event))
    process = ProcessSeen(
        f"{device}|remote", None, device, 7044, image, f'"{image}"', r"WPH\it.lane", event.time, False
    )
    story = Story(
        "A remote support tool was started once on one device.",
        (Fact(event.time, device, "it.lane started fernhilfe.exe.", ("T1219",), Phase.DURING, event.file, 7),),
        ("Ask the service desk whether it.lane was giving support at that time.",),
        ("Who was at the other end: no log of the network is here.",),
    )
    incident = Incident(
        "77aa01bc90de12f4", (), "Remote support tool started on wph-fin-pc07", Level.LOW,
        Score(8, (Summand("severity", 8, "the worst rule that matched is low"),)), (device,), event.time, event.time,
        ("T1219",), (alert,), (), (Entity(EntityKind.ACCOUNT, r"WPH\it.lane", None, event.time, event.time, 1),),
        (process,), (Place(event.file, 7, REMOTE.id),),
    )  # fmt: skip
    return Case(incident, story, [event])


def result(*, partial: bool = False) -> Result:
    """Return a result with both incidents and all their matches."""
    cases = [worm(), harmless()]
    found: list[Match | CorrelationMatch] = [
        replace(alert.sample, time=alert.first + n * S, position=alert.sample.position + n)
        for case in cases
        for alert in case.incident.alerts
        for n in range(alert.count)
    ]
    found.append(CorrelationMatch(FAN, {"Computer": DEVICES[0]}, 24, START, START + 40 * S, ((FILE, 4), (FILE, 5))))
    begin = Begin("0.2.0", "9f" * 32, ("scan", "evidence", "--html", "report.html"))
    return Result(begin, found, closing(partial=partial), cases)
