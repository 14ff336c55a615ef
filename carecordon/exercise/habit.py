"""A habit: something that people or machines do again and again, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from carecordon.exercise.hospital import Desk, Hospital
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry.sensor import Sensor
from carecordon.exercise.world import Device, Work

CLIENTS = frozenset({Work.OFFICE, Work.IT, Work.WARD, Work.IMAGING, Work.LAB})
SERVERS = frozenset({Work.SERVER, Work.CONTROLLER})
EVERYWHERE = CLIENTS | SERVERS
ALL_DAY, AT_WORK, NIGHT = (0.0, 24.0), (8.0, 18.0), (1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a habit takes place: the device's sensor, who sits there if anybody does, and this one time's chance."""

    hospital: Hospital
    on: Sensor
    rng: Random
    seat: Desk | None

    @property
    def desk(self) -> Desk:
        """Return who sits there. Raises LookupError where nobody does: then the habit does not ask for a desk."""
        if self.seat is None:
            raise LookupError(f"nobody sits at {self.on.name}")
        return self.seat


@dataclass(frozen=True, slots=True)
class Habit:
    """What is done, where, how often on a whole working day, and between which hours (UTC)."""

    title: str
    play: Callable[[Place], Script]
    works: frozenset[Work]
    per_day: tuple[float, float]
    hours: tuple[float, float] = ALL_DAY
    at_desk: bool = False
    """Somebody must be logged on; else nothing happens."""
    devices: tuple[str, ...] = ()
    """Only there, whatever the work."""

    def fits(self, device: Device) -> bool:
        """Say whether a device has this habit."""
        return device.name in self.devices if self.devices else device.work in self.works
