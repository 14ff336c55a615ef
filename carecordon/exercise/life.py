"""A working day: people come and go, and every habit takes place at its times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.hospital import Hospital
from carecordon.exercise.stage import Script
from carecordon.exercise.world import Device, Work

HOUR, DAY = 3600.0, 86_400.0
WEEKEND_SHARE = {Work.OFFICE: 0.0, Work.IT: 0.0, Work.WARD: 0.8, Work.LAB: 0.6, Work.IMAGING: 0.4}


@dataclass(frozen=True, slots=True)
class Span:
    """The recorded part of each day, in hours UTC."""

    first: float = 0.0
    last: float = 24.0


def live(hospital: Hospital, habits: Sequence[Habit], days: int, first_weekday: int, span: Span) -> None:
    """Put `days` days of ordinary life on the stage, which begins at the first midnight; weekday 0 is Monday."""
    for day in range(days):
        weekend = (first_weekday + day) % 7 > 4
        hospital.stage.at(day * DAY, _day(hospital, habits, day, span, weekend=weekend))


def _day(hospital: Hospital, habits: Sequence[Habit], day: int, span: Span, *, weekend: bool) -> Script:
    for device in hospital.world.devices:
        if device.work in (Work.OFFICE, Work.IT) and not weekend:
            _attend(hospital, device, day, span)
        for habit in habits:
            if habit.fits(device):
                share = WEEKEND_SHARE.get(device.work, 1.0) if weekend else 1.0
                rng = hospital.rng(device.name, habit.title, day)
                for second in moments(habit, share, span, rng):
                    hospital.stage.at(day * DAY + second, _once(hospital, device, habit, rng))
    yield 0.0


def _attend(hospital: Hospital, device: Device, day: int, span: Span) -> None:
    """Let the owner of a PC come and go; whoever would have come before the recording comes at its beginning."""
    rng = hospital.rng(device.name, "attends", day)
    come, go = 7.5 + rng.random() * 1.2, 16.4 + rng.random() * 1.4
    if come < span.first < go:
        come = span.first + rng.random() / 6
    if span.first <= come < span.last:
        hospital.stage.at(day * DAY + come * HOUR, hospital.arrive(device))
        hospital.stage.at(day * DAY + go * HOUR, hospital.leave(device))


def moments(habit: Habit, share: float, span: Span, rng: Random) -> Iterable[float]:
    """Yield the seconds of the day at which a habit takes place, as many as the recorded part of its hours asks for."""
    first, last = max(habit.hours[0], span.first), min(habit.hours[1], span.last)
    if last <= first:
        return
    wanted = rng.uniform(*habit.per_day) * share * (last - first) / (habit.hours[1] - habit.hours[0])
    count = int(wanted) + (rng.random() < wanted % 1)
    for _ in range(count):
        yield (first + rng.random() * (last - first)) * HOUR


def _once(hospital: Hospital, device: Device, habit: Habit, rng: Random) -> Script:
    """Play a habit, unless the device is off or nobody is there where somebody must be."""
    on, seat = hospital.sensors[device.name], hospital.desks.get(device.name)
    if "services" in on.state.roots and (seat is not None or not habit.at_desk):
        yield from habit.play(Place(hospital, on, rng, seat))
