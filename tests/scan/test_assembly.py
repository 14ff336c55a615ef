"""Answers come in any order; positions, counts and blind spots come out as if they had come in theirs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from carecordon.model.block import Bad, Block
from carecordon.model.match import BlindSpot, Level, Match, RuleHead, Unseen
from carecordon.pipeline.ingest.watch import Watch
from carecordon.scan.assembly import TOLD, Assembly
from carecordon.scan.hand import Lost, Task
from carecordon.scan.spool import Spool
from carecordon.scan.worker import Answer

HEAD = RuleHead("rule", "Made up", Level.LOW, (), "a.yml", 1)


def match(position: int) -> Match:
    return Match(HEAD, "", position, None, 0, "pc", "Security", 1, {}, {})


def piece(records: int, *positions: int, bad: tuple[Bad, ...] = ()) -> Answer:
    found = Answer(
        0,
        0,
        10,
        records=records,
        events=records - sum(one.count for one in bad),
        matches=[match(at) for at in positions],
    )
    found.bad.extend(bad)
    return found


LOST = Lost(Task(0, 3, Block("jsonlines", b"")), "it died")
PIECES: list[Any] = [
    piece(3, 2, bad=(Bad(1, "no JSON"),)),
    Bad(0, "a hole", 5),
    piece(2, 1, 2),
    LOST,
    piece(1, 1, bad=(Bad(1, "odd", 0),)),
]


def assembled(order: Any, pieces: list[Any]) -> tuple[Assembly, list[Match]]:
    one, spool, watch = Assembly("a.jsonl"), Spool(), Watch()
    for number in order:
        one.take(number, pieces[number], spool, watch)
    return one, list(spool)


@pytest.mark.parametrize("order", list(permutations(range(5)))[::7])
def test_positions_count_from_the_beginning_of_the_file(order: tuple[int, ...]) -> None:
    one, found = assembled(order, PIECES)
    assert [(each.file, each.position) for each in found] == [("a.jsonl", at) for at in (2, 9, 10, 11)]
    assert one.before == [0, 3, 8, 10, 10]
    assert (one.records, one.events, one.skipped, one.matches) == (11, 5, 6, 4)
    assert one.is_damaged
    assert [(spot.position, spot.count) for spot in one.blind_spots()] == [(1, 1), (4, 5), (11, 0), (11, 0)]
    assert all((spot.kind, spot.file) == (Unseen.RECORD, "a.jsonl") for spot in one.blind_spots())
    assert any("it died" in spot.reason for spot in one.blind_spots())


def test_a_note_alone_is_no_damage() -> None:
    one, _ = assembled([0], [piece(1, bad=(Bad(1, "odd", 0),))])
    assert not one.is_damaged
    assert one.skipped == 0


def test_nothing_is_placed_before_its_turn() -> None:
    one, found = assembled([2, 4], PIECES)
    assert (found, one.records, one.before) == ([], 0, [])


def test_more_of_the_same_is_counted_not_told() -> None:
    bad = (*(Bad(position, "no JSON", 2) for position in range(1, TOLD + 51)), Bad(900, "other"))
    one, _ = assembled([0], [piece(1_000, bad=bad)])
    spots = list(one.blind_spots())
    assert len(spots) == TOLD + 2
    assert spots[-1] == BlindSpot(Unseen.RECORD, "no JSON (more of the same)", "a.jsonl", count=100)
    assert sum(spot.count or 0 for spot in spots) == one.skipped == 301


def test_what_was_not_read_to_its_end_is_not_known() -> None:
    one, _ = assembled([0], [piece(3)])
    assert (one.input_file().sha256, one.input_file().size, one.input_file().records) == (None, None, 3)
