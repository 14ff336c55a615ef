"""The sensor of one device: its logs' numbers, its processes and logons, and the one way an event leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from carecordon.exercise.stage import US, Mark, Stage
from carecordon.exercise.world import Device, World

BOOTING = 8
"""So many roots are there when the first services of Windows are up."""


class Kind(NamedTuple):
    """A log and an event id, with the header that all of its events have."""

    channel: str
    header: dict[str, Any]


class Session(NamedTuple):
    """A logon on one device."""

    user: str
    """Domain and account, as Sysmon writes them."""
    sid: str
    logon_id: str
    logon_guid: str
    terminal: str
    integrity: str

    @property
    def account(self) -> str:
        """Return the name without its domain."""
        return self.user.partition("\\")[2]

    @property
    def domain(self) -> str:
        """Return the domain without the name."""
        return self.user.partition("\\")[0]


class Process(NamedTuple):
    """A running process."""

    guid: str
    pid: int
    image: str
    line: str
    directory: str
    integrity: str
    session: Session


@dataclass(slots=True)
class State:
    """What changes on a device; all sensors that view it share it."""

    numbers: dict[str, int]
    pids: set[int]
    token: int
    logon_id: int
    roots: dict[str, Process]
    """The processes that Windows started: services, lsass, winlogon, and one for each group of svchost."""


class Sensor:
    """What one device reports. A marked view reports the same, with the truth beside it."""

    __slots__ = ("device", "machine", "mark", "name", "pid", "rng", "stage", "state", "world")

    def __init__(self, stage: Stage, world: World, device: Device, seed: str) -> None:
        """Make the sensor of a device that knows nothing yet; `boot` gives it its first processes."""
        self.stage, self.world, self.device = stage, world, device
        self.name = device.full_name
        self.rng = Random(f"{seed}:{device.name}")  # noqa: S311  # a made-up world is to be the same each time
        self.machine = f"{self.rng.getrandbits(32):08x}"
        self.pid = 4 * self.rng.randrange(500, 1200)
        self.mark: Mark | None = None
        self.state = State({}, set(), self.rng.randrange(20, 60), self.rng.randrange(60_000, 900_000), {})

    def marked(self, mark: Mark) -> Sensor:
        """Return a view of this sensor whose events belong to a step of an attack."""
        view = object.__new__(Sensor)
        for slot in Sensor.__slots__:
            object.__setattr__(view, slot, getattr(self, slot))
        view.mark = mark
        return view

    def emit(self, kind: Kind, fields: dict[str, Any]) -> None:
        """Write one event; its number is the next of its log on this device."""
        channel = kind.channel
        numbers = self.state.numbers
        number = numbers.get(channel) or self.rng.randrange(2_000, 900_000)
        numbers[channel] = number + 1
        moment = self.stage.tick()
        document: dict[str, Any] = {"@timestamp": moment.replace(" ", "T") + "Z"}
        document.update(kind.header)
        document["Computer"] = self.name
        document["EventRecordID"] = number
        document.update(fields)
        self.stage.write(document, self.mark)

    def sysmon(self, kind: Kind, fields: dict[str, Any]) -> None:
        """Write one of Sysmon's events, which carry their time among their fields too."""
        channel = kind.channel
        numbers = self.state.numbers
        number = numbers.get(channel) or self.rng.randrange(20_000, 900_000)
        numbers[channel] = number + 1
        moment = self.stage.tick()
        document: dict[str, Any] = {"@timestamp": moment.replace(" ", "T") + "Z"}
        document.update(kind.header)
        document["Computer"] = self.name
        document["EventRecordID"] = number
        document["Execution_ProcessID"] = self.pid
        document["RuleName"] = "-"
        document["UtcTime"] = moment
        document.update(fields)
        self.stage.write(document, self.mark)

    def new_pid(self) -> int:
        """Return a process id that no running process has: a multiple of four, small ones for what starts at boot."""
        pids, draw = self.state.pids, self.rng.randrange
        low, high = (250, 4000) if len(self.state.roots) > BOOTING else (80, 245)
        pid = 4 * draw(low, high)
        while pid in pids:
            pid = 4 * draw(low, high)
        pids.add(pid)
        return pid

    def new_guid(self, ago_s: int = 0) -> str:
        """Return a process' guid as Sysmon builds it: machine, second of its start, a token that counts up."""
        second = self.stage.now_us // US - ago_s
        self.state.token += 1
        token = self.state.token
        return (
            f"{{{self.machine}-{second & 0xFFFF:04x}-{second >> 16:04x}"
            f"-{token & 0xFF:02x}{token >> 8 & 0xFF:02x}-{token >> 16:04x}00001500}}"
        )

    def new_logon_id(self) -> int:
        """Return the next number of a logon on this device."""
        self.state.logon_id += self.rng.randrange(900, 40_000)
        return self.state.logon_id

    def session(self, user: str, sid: str, logon_id: int, terminal: str, integrity: str, ago_s: int = 0) -> Session:
        """Return a logon of a moment; its guid follows from machine, second and number, as Sysmon builds it."""
        second = self.stage.now_us // US - ago_s
        low = logon_id.to_bytes(8, "little").hex()
        guid = f"{{{self.machine}-{second & 0xFFFF:04x}-{second >> 16:04x}-{low[:4]}-{low[4:]}}}"
        return Session(user, sid, hex(logon_id), guid, terminal, integrity)
