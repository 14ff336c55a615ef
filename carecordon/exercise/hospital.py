"""The hospital at work: its sensors, who sits where, and what one act causes on several devices."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from carecordon.exercise.boot import boot, welcome
from carecordon.exercise.stage import Script, Stage
from carecordon.exercise.telemetry import directory, logons, processes, traces
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.telemetry.sensor import Process, Sensor, Session
from carecordon.exercise.world import Device, Person, Work, World

IDLE_S = 7_200.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody at a device: the logon and its desktop."""

    person: Person
    session: Session
    desktop: Process


class Hospital:
    """All sensors of a world on one stage, and the desks that are taken."""

    __slots__ = ("desks", "lost", "seed", "sensors", "stage", "staying", "world")

    def __init__(self, world: World, stage: Stage, seed: str) -> None:
        """Make the sensors; devices that never sleep are running already, with their users logged on."""
        self.world, self.stage, self.seed = world, stage, seed
        self.sensors = {device.name: Sensor(stage, world, device, seed) for device in world.devices}
        self.desks: dict[str, Desk] = {}
        self.lost: set[str] = set()
        """Devices that nobody can work at any more."""
        self.staying: set[str] = set()
        """Devices whose owners only lock the screen when they go home."""
        for device in world.devices:
            if device.work is not Work.OFFICE and device.work is not Work.IT:
                boot(self.sensors[device.name], told=False)
                if not device.is_server:
                    self._seat(device, told=False)

    def rng(self, *names: object) -> Random:
        """Return the chance that belongs to these names: what one habit draws never changes another."""
        return Random(":".join(map(str, (self.seed, *names))))  # noqa: S311  # a made-up world is to be the same each time

    def sensor(self, name: str) -> Sensor:
        """Return the sensor of a device."""
        return self.sensors[name]

    @property
    def controller(self) -> Sensor:
        """Return the domain controller."""
        return self.sensors["wph-dc01"]

    @property
    def files(self) -> Sensor:
        """Return the file server."""
        return self.sensors["wph-fs01"]

    def of_work(self, *works: Work) -> list[Device]:
        """Return the devices that are used for one of these."""
        return [device for device in self.world.devices if device.work in works]

    def arrive(self, device: Device) -> Script:
        """Switch a PC on, and log its owner on."""
        on = self.sensors[device.name]
        if "services" not in on.state.roots:
            boot(on, told=True)
        yield 20.0 + on.rng.random() * 40
        if device.name not in self.desks and device.name not in self.lost:
            self._seat(device, told=True)

    def _seat(self, device: Device, *, told: bool) -> None:
        on, person = self.sensors[device.name], self.world.people[device.name]
        if told:
            self.prove(on, person)
        session, desktop = welcome(on, person, told=told)
        self.desks[device.name] = Desk(person, session, desktop)

    def leave(self, device: Device) -> Script:
        """Let the owner of a PC go home; Windows logs the idle session off two hours later."""
        if device.name in self.staying or device.name not in self.desks:
            return
        desk, on = self.desks.pop(device.name), self.sensors[device.name]
        yield IDLE_S
        processes.end(on, desk.desktop)
        logons.log_off(on, desk.session, 2)

    def lose(self, device: Device) -> None:
        """Let nobody work at a device any more: its files are gone. Windows itself goes on."""
        self.lost.add(device.name)
        self.desks.pop(device.name, None)

    def prove(self, on: Sensor, person: Person) -> None:
        """Have the controller let a person in who logs on at a device."""
        dc, lsass = self.controller, on.state.roots["lsass"]
        traces.connect(on, lsass, dc.device.address, 88, host=dc.name)
        directory.grant_ticket(dc, person.account, self.world.sid(person), on.device.address)
        directory.grant_service(dc, person.account, f"{on.device.name.upper()}$", on.device.address)

    def reach(self, on: Sensor, person: Person, server: Sensor, *, special: bool = False) -> Session:
        """Return the logon on a server of somebody who comes over the network; whoever reaches logs off by itself.

        A marked server marks the ticket too.
        """
        address = on.device.address
        dc = self.controller.marked(server.mark) if server.mark else self.controller
        directory.grant_service(dc, person.account, f"{server.device.name.upper()}$", address)
        return logons.log_on(server, person, Manner(3, address, on.device.name, special=special))
