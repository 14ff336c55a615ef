"""A score is a sum that can be checked by hand, and stands for a level."""

from __future__ import annotations

import pytest

from carecordon.model.match import Level
from carecordon.pipeline.triage.score import Asset, Estate, level_of, score
from tests.pipeline.triage.grouping import rule

WARDS = Estate(40, {"wph-th-ws01": Asset("theatre", "S3"), "wph-fin-ws01.wph.example.org": Asset("office", "S0")})


@pytest.mark.parametrize("level", list(Level)[1:])
def test_one_match_stands_at_its_rules_own_level(level: Level) -> None:
    told = score([rule("a", level)], ["T1059"], ["ws1"], 40, WARDS)
    assert level_of(told) is level
    rare = score([rule("a", level)], ["T1059"], ["ws1"], 1, WARDS)
    assert level_of(rare) is level


def test_every_summand_is_told() -> None:
    rules = [rule("a", Level.HIGH), rule("b", Level.CRITICAL), rule("c", Level.LOW), rule("d", Level.HIGH)]
    told = score(rules, ["T1", "T2", "T3"], ["wph-fin-ws01.wph.example.org", "WPH-TH-WS01.wph.example.org"], 8, WARDS)
    assert [(part.name, part.points, part.why) for part in told.summands] == [
        ("severity", 90, "worst rule critical, 80; 3 further, 10"),  # 55/8 + 55/16 + 5/32
        ("techniques", 4, "3 distinct techniques"),
        ("spread", 2, "2 devices"),
        ("rarity", 3, "rarest rule on 8 of 40 devices"),
        ("asset", 6, "S3 theatre: WPH-TH-WS01.wph.example.org"),
    ]
    assert told.total == sum(part.points for part in told.summands) == 105


def test_many_small_things_rise_above_their_own_level_but_not_without_end() -> None:
    few = score([rule(str(number), Level.MEDIUM) for number in range(3)], ["T1"], ["ws1"], 40, WARDS)
    many = score([rule(str(number), Level.MEDIUM) for number in range(300)], ["T1"] * 90, ["ws"] * 90, 40, WARDS)
    assert few.total == 23
    assert many.total == 20 + 5 + 10 + 10


def test_thousands_of_rules_have_a_score_too() -> None:
    told = score([rule(str(number), Level.HIGH) for number in range(3000)], ["T1"], ["ws1"], 40, WARDS)
    assert told.summands[0].points == 55 + 13


def test_rarity_says_nothing_of_a_handful_of_devices() -> None:
    told = score([rule("a")], [], ["ws1"], 1, Estate(4))
    assert [part.points for part in told.summands if part.name == "rarity"] == [0]


@pytest.mark.parametrize("level", [Level.LOW, Level.MEDIUM, Level.HIGH])
def test_whatever_comes_together_rises_one_level_at_most(level: Level) -> None:
    rules = [rule(str(number), level) for number in range(500)]
    told = score(rules, [f"T{number}" for number in range(99)], ["wph-th-ws01"] * 99, 1, WARDS)
    assert level_of(told).rank == level.rank + 1
