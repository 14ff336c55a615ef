"""The made-up hospital: its devices, people and accounts, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

DOMAIN = "WPH"
ZONE = "wph.example.org"
NETWORK = "10.20.8."
"""One flat network, as old hospitals have."""
OLD_ADDRESS = NETWORK + "207"
"""Of the Windows XP machine: it has no agent and stands in the events only as this address."""


class Impact(StrEnum):
    """What it does to care when the device is cut off. Source: the project's clinical safety table, S0 to S3."""

    OFFICE = "S0"
    DELAYS_CARE = "S1"
    DIRECT_CARE = "S2"
    LIFE_CRITICAL = "S3"


class Work(StrEnum):
    """What a device is used for; it decides which habits it has."""

    OFFICE = "office"
    IT = "it"
    WARD = "ward"
    IMAGING = "imaging"
    LAB = "lab"
    SERVER = "server"
    CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class Device:
    """One device as the inventory has it."""

    name: str
    address: str
    role: str
    asset_class: str
    impact: Impact
    work: Work

    @property
    def full_name(self) -> str:
        """Return the name with its domain, as events carry it."""
        return f"{self.name}.{ZONE}"

    @property
    def is_server(self) -> bool:
        """Say whether it is a server, the domain controller included."""
        return self.work in (Work.SERVER, Work.CONTROLLER)


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the domain, and the device that its owner sits at ('' for accounts of services)."""

    account: str
    rid: int
    device: str


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is there before the first event. `devices` are those with a sensor."""

    seed: int
    devices: tuple[Device, ...]
    old: Device
    people: dict[str, Person]
    """By the name of the device they sit at."""
    services: dict[str, Person]
    """By account."""
    domain_sid: str

    def sid(self, person: Person) -> str:
        """Return the security identifier of an account."""
        return f"{self.domain_sid}-{person.rid}"

    def named(self, name: str) -> Device:
        """Return the device of this name. Raises KeyError if there is none."""
        return {device.name: device for device in self.devices}[name]


def _series(stem: str, count: int, first: int, facts: tuple[str, str, Impact, Work]) -> list[Device]:
    role, asset_class, impact, work = facts
    return [
        Device(f"{stem}{number + 1:02d}", f"{NETWORK}{first + number}", role, asset_class, impact, work)
        for number in range(count)
    ]


SERVERS = [
    Device("wph-dc01", NETWORK + "10", "domain controller", "it.identity", Impact.DELAYS_CARE, Work.CONTROLLER),
    Device("wph-fs01", NETWORK + "11", "file and print server", "it.files", Impact.DELAYS_CARE, Work.SERVER),
    Device("wph-epr01", NETWORK + "12", "records server", "epr.server", Impact.DIRECT_CARE, Work.SERVER),
    Device("wph-lims01", NETWORK + "13", "pathology server", "lab.lims", Impact.DIRECT_CARE, Work.SERVER),
    Device("wph-pacs01", NETWORK + "14", "image archive", "imaging.server", Impact.DIRECT_CARE, Work.SERVER),
    Device("wph-mgmt01", NETWORK + "15", "management server", "it.management", Impact.OFFICE, Work.SERVER),
    Device("wph-bak01", NETWORK + "16", "backup server", "it.backup", Impact.DELAYS_CARE, Work.SERVER),
]
OLD = Device("wph-flu-xp01", OLD_ADDRESS, "fluoroscopy console, Windows XP, no agent", "imaging.modality",
             Impact.DIRECT_CARE, Work.IMAGING)  # fmt: skip


def _devices() -> tuple[Device, ...]:
    s0, s1, s2, s3 = Impact
    return (
        *SERVERS,
        *_series("wph-adm-ws", 8, 31, ("medical secretary's PC", "office", s0, Work.OFFICE)),
        *_series("wph-fin-ws", 2, 41, ("finance PC", "office", s0, Work.OFFICE)),
        *_series("wph-hr-ws", 1, 44, ("personnel PC", "office", s0, Work.OFFICE)),
        *_series("wph-it-ws", 2, 46, ("administrator's PC", "office", s0, Work.IT)),
        *_series("wph-dev-ws", 1, 49, ("interface developer's PC", "office", s0, Work.IT)),
        *_series("wph-wd-t", 8, 61, ("ward terminal", "ward.cow", s1, Work.WARD)),
        *_series("wph-ed-t", 3, 71, ("emergency department terminal", "ed.terminal", s2, Work.WARD)),
        *_series("wph-th-ws", 1, 76, ("theatre workstation", "theatre", s3, Work.WARD)),
        *_series("wph-pha-ws", 1, 78, ("pharmacy workstation", "pharmacy.robot", s2, Work.WARD)),
        *_series("wph-inf-gw", 1, 80, ("infusion gateway", "infusion.gateway", s3, Work.LAB)),
        *_series("wph-rad-ws", 2, 91, ("imaging workstation", "imaging.pacs_workstation", s2, Work.IMAGING)),
        *_series("wph-lab-ws", 2, 96, ("analyser workstation", "lab.analyser", s2, Work.LAB)),
    )


INITIALS = "abcdefghijklmnoprstuvwyz"
FAMILY = (
    "ashby", "birtle", "corrie", "dunmow", "elmore", "fenwick", "garside", "hollis", "ingham", "jessop", "keswick",
    "larkin", "marlow", "norbury", "oakden", "pickles", "quayle", "rowsley", "selby", "thorpe", "upton", "varley",
    "wetherby", "yardley",
)  # fmt: skip
SERVICE_ACCOUNTS = ("svc-epr", "svc-lims", "svc-pacs", "svc-backup", "svc-sql", "svc-scan", "svc-manage")


def make_world(seed: int) -> World:
    """Return the hospital of a seed: the devices are always the same, people and identifiers are not."""
    rng = Random(f"world:{seed}")  # noqa: S311  # a made-up world is to be the same each time
    devices = _devices()
    drawn = rng.sample([f"{initial}.{family}" for initial in INITIALS for family in FAMILY], len(devices))
    people: dict[str, Person] = {}
    for number, device in enumerate(devices):
        account = f"ward{device.name[-2:]}" if device.name.startswith("wph-wd") else drawn[number]
        people[device.name] = Person(f"adm-{account}" if device.is_server else account, 1101 + number, device.name)
    services = {account: Person(account, 1301 + number, "") for number, account in enumerate(SERVICE_ACCOUNTS)}
    parts = "-".join(str(rng.randrange(10**8, 4 * 10**9)) for _ in range(3))
    return World(seed, devices, OLD, people, services, f"S-1-5-21-{parts}")
