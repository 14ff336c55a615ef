"""Where there is no room for all sentences, the gravest are told, in order, with the first and the last."""

from __future__ import annotations

import pytest

from carecordon.model.incident import Case, Fact, Phase, Place
from carecordon.report.chosen import chosen
from tests.replacing import replace
from tests.report import outbreak

GRAVE, TAGGED, PLAIN = "grave", "tagged", "plain"


def case(*sorts: str) -> Case:
    """Return an incident with one fact of each sort, in this order."""
    worm = outbreak.worm()
    techniques = {GRAVE: ("T1486",), TAGGED: ("T1033",), PLAIN: ()}
    facts = tuple(
        Fact(place, "pc", f"{sort} {place}", techniques[sort], Phase.DURING, "a.jsonl", place)
        for place, sort in enumerate(sorts)
    )
    places = tuple(Place("a.jsonl", place, outbreak.FAN.id) for place, sort in enumerate(sorts) if sort == GRAVE)
    incident = replace(worm.incident, places=places)
    return replace(worm, incident=incident, story=replace(worm.story, facts=facts))


@pytest.mark.parametrize(
    ("sorts", "most", "told"),
    [
        ((PLAIN, PLAIN, TAGGED, PLAIN), 3, [0, 2, 3]),
        ((PLAIN, TAGGED, GRAVE, PLAIN), 3, [0, 2, 3]),
        ((PLAIN, GRAVE, GRAVE, TAGGED, PLAIN), 4, [0, 1, 3, 4]),
        ((PLAIN, GRAVE, PLAIN, GRAVE, PLAIN), 4, [0, 1, 3, 4]),
        ((PLAIN, PLAIN), 2, [0, 1]),
        ((PLAIN, PLAIN, PLAIN), 25, [0, 1, 2]),
    ],
)
def test_the_gravest_are_told_each_sort_before_a_second_of_one(
    sorts: tuple[str, ...], most: int, told: list[int]
) -> None:
    assert [fact.position for fact in chosen(case(*sorts), most)] == told
