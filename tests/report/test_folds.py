"""Of many incidents the small ones of one title are one; none is lost and no worse one is folded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carecordon.model.incident import Case
from carecordon.model.match import Level
from carecordon.report.folds import FOLDED_ABOVE, folds
from tests.report import outbreak


def small(place: int, title: str = "A task", level: Level = Level.LOW) -> Case:
    case = outbreak.harmless()
    one = replace(case.incident, title=title, level=level, devices=(f"pc{place}",), first=place, last=place + 10)
    return replace(case, incident=one)


def test_alike_are_one_where_the_first_of_them_stands() -> None:
    cases = [small(place, "A task" if place % 2 else f"Other {place}") for place in range(FOLDED_ABOVE + 1)]
    found = folds(cases)
    assert [fold.places for fold in found][:3] == [(1,), (2, 4, 6, 8), (3,)]
    assert sorted(place for fold in found for place in fold.places) == list(range(1, len(cases) + 1))
    assert (found[1].first, found[1].last, found[1].devices) == (1, 17, ("pc1", "pc3", "pc5", "pc7"))


@pytest.mark.parametrize(
    ("level", "count", "told"),
    [
        (Level.LOW, FOLDED_ABOVE, FOLDED_ABOVE),
        (Level.LOW, FOLDED_ABOVE + 1, 1),
        (Level.INFORMATIONAL, FOLDED_ABOVE + 1, 1),
        (Level.MEDIUM, FOLDED_ABOVE + 1, FOLDED_ABOVE + 1),
    ],
)
def test_only_small_ones_are_folded_and_only_if_there_are_many(level: Level, count: int, told: int) -> None:
    assert len(folds([small(place, level=level) for place in range(count)])) == told


def test_the_same_title_on_another_level_is_another_line() -> None:
    cases = [small(place, level=Level.LOW if place else Level.INFORMATIONAL) for place in range(FOLDED_ABOVE + 1)]
    assert [len(fold.cases) for fold in folds(cases)] == [1, FOLDED_ABOVE]
