"""Ordinary life keeps its hours, its numbers and its week."""

from __future__ import annotations

from collections import Counter
from datetime import date
from random import Random

import pytest

from carecordon.exercise.habit import EVERYWHERE, Habit
from carecordon.exercise.habits import all_habits
from carecordon.exercise.life import HOUR, Span, moments
from carecordon.exercise.oddities import all_oddities
from tests.exercise.playing import recording


def _never(_: object) -> None:
    return None


def _count(per_day: tuple[float, float], span: Span) -> list[float]:
    habit = Habit("x", _never, EVERYWHERE, per_day, (8.0, 18.0))  # type: ignore[arg-type]  # it is never played
    return list(moments(habit, 1.0, span, Random(5)))


def test_a_habit_takes_place_as_often_as_it_says_and_in_its_hours() -> None:
    found = _count((30, 40), Span())
    assert 30 <= len(found) <= 41
    assert all(8 * HOUR <= second <= 18 * HOUR for second in found)


def test_part_of_a_day_has_its_share() -> None:
    assert 6 <= len(_count((30, 40), Span(8.0, 10.0))) <= 9
    assert _count((30, 40), Span(0.0, 8.0)) == []


@pytest.mark.parametrize("habit", [*all_habits(), *all_oddities()], ids=lambda habit: habit.title)
def test_every_habit_has_devices_and_sensible_numbers(habit: Habit) -> None:
    assert habit.works or habit.devices
    assert 0 < habit.per_day[0] <= habit.per_day[1]
    assert 0 <= habit.hours[0] < habit.hours[1] <= 24


def test_offices_are_empty_at_weekends_and_wards_are_not() -> None:
    saturday = recording("quiet", start=date(2026, 11, 21), span=Span(9.0, 10.0))
    opened = Counter(
        line["Computer"].split("-")[1]
        for line, _ in saturday.lines()
        if line["EventID"] == 1 and line.get("Image", "").endswith(("epr.exe", "OUTLOOK.EXE", "msedge.exe"))
    )
    assert opened["wd"] > 0
    assert opened["adm"] == opened["fin"] == 0


def test_a_day_holds_what_forty_devices_tell_in_a_day() -> None:
    assert 30_000 <= sum(1 for _ in recording("quiet", span=Span()).lines()) <= 120_000
