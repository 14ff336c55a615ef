"""Answers come in any order; positions, counts and blind spots come out as if they had come in theirs."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from carecordon.model.block import Bad, Block
from carecordon.model.match import BlindSpot, Level, Match, RuleHead, Unseen
from carecordon.pipeline.ingest.watch import Watch
from carecordon.scan.assembly import UNCERTAIN, Assembly
from carecordon.scan.bad import TOLD
from carecordon.scan.hand import Lost, Task
from carecordon.scan.open import Facts
from carecordon.scan.rows import row_of
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
        found=[row_of(match(at)) for at in positions],
        matches=len(positions),
    )
    for one in bad:
        found.bad.add(one)
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
    one, spool, watch = Assembly("a.jsonl"), Spool({HEAD.id: HEAD}), Watch()
    for number in order:
        one.take(number, pieces[number], spool, watch)
    return one, list(spool)


@pytest.mark.parametrize("order", list(permutations(range(5)))[::7])
def test_positions_count_from_the_beginning_of_the_file(order: tuple[int, ...]) -> None:
    one, found = assembled(order, PIECES)
    assert [(each.file, each.position) for each in found] == [("a.jsonl", at) for at in (2, 9, 10, 11)]
    assert one.before == [0, 3, 8, 10, 10]
    assert (one.records, one.events, one.unread, one.matches) == (11, 5, 6, 4)
    assert one.is_damaged
    assert [(spot.position, spot.count) for spot in one.blind_spots()] == [(11, None), (1, 1), (4, 5), (11, 0)]
    assert all((spot.kind, spot.file) == (Unseen.RECORD, "a.jsonl") for spot in one.blind_spots())
    lost = next(iter(one.blind_spots()))
    assert "it died" in lost.reason
    assert lost.reason.endswith(UNCERTAIN)
    assert one.input_file().records is None, "nobody knows how many it held"


def test_a_note_alone_is_no_damage() -> None:
    one, _ = assembled([0], [piece(1, bad=(Bad(1, "odd", 0),))])
    assert not one.is_damaged
    assert one.unread == 0


def test_nothing_is_placed_before_its_turn() -> None:
    one, found = assembled([2, 4], PIECES)
    assert (found, one.records, one.before) == ([], 0, [])


def test_beyond_a_hundred_bad_records_are_counted_not_told_whatever_their_reasons() -> None:
    bad = (*(Bad(position, f"no JSON: column {position}", 2) for position in range(1, TOLD + 51)), Bad(900, "other"))
    pieces = [piece(1_000, bad=bad), piece(1_000, bad=bad[:30]), Bad(0, "a hole", 7)]
    one, _ = assembled([2, 1, 0], pieces)
    spots = list(one.blind_spots())
    assert [spot.position for spot in spots] == [*range(1, TOLD + 1), TOLD + 1]
    reason = f"more could not be read from here on; here: no JSON: column {TOLD + 1}"
    assert spots[-1] == BlindSpot(Unseen.RECORD, reason, "a.jsonl", TOLD + 1, count=101 + 60 + 7)
    assert sum(spot.count or 0 for spot in spots) == one.unread == 368


def test_bad_records_take_no_memory() -> None:
    found = piece(10_000, bad=tuple(Bad(position, f"bad {position}") for position in range(1, 10_001)))
    assert (len(found.bad.told), found.bad.rest) == (TOLD, Bad(TOLD + 1, f"bad {TOLD + 1}", 10_000 - TOLD))


def test_a_block_that_broke_off_keeps_what_was_read_before() -> None:
    broken = piece(2, 1, 2)
    broken.broken = "a defect"
    one, found = assembled([0, 1, 2], [broken, broken, piece(1, 1)])
    assert [each.position for each in found] == [1, 2, 3, 4, 5]
    first, second = one.blind_spots()
    assert (first.position, first.count, second.position, second.count) == (3, None, 5, 0)
    assert "it is not known how many: a defect" in first.reason
    assert first.reason.endswith(UNCERTAIN)
    assert one.is_damaged


def test_an_input_that_was_cut_short_says_what_its_hash_is_of() -> None:
    one, _ = assembled([0], [piece(3)])
    one.is_cut, one.facts = True, Facts("ab" * 32, 4_711, "jsonlines", ())
    (spot,) = one.blind_spots()
    assert (spot.kind, spot.file, spot.count) == (Unseen.FILE, "a.jsonl", 1)
    assert spot.reason.endswith("those of the first 4,711 bytes")
    assert (one.input_file().sha256, one.input_file().size, one.input_file().records) == ("ab" * 32, 4_711, 3)


def test_what_was_not_read_to_its_end_is_not_known() -> None:
    one, _ = assembled([0], [piece(3)])
    assert (one.input_file().sha256, one.input_file().size, one.input_file().records) == (None, None, 3)
