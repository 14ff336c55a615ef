"""Which numbers are on disk is known exactly, as long as the gaps are few, and told apart from what is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.stream import Outcome
from carecordon.stream.numbers import MAX_MISSING, NOTHING, Held, take

PARTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=30)


def held_in(held: Held) -> set[int]:
    missing = {number for low, high in held.missing for number in range(low, high + 1)}
    return set(range(held.mark + 1)) - missing


@given(PARTS)
def test_every_number_is_taken_once(parts: list[tuple[int, int]]) -> None:
    held, seen = NOTHING, set[int]()
    for first, more in parts:
        taken = take(held, first, first + more)
        pieces = [number for low, high in taken.pieces for number in range(low, high + 1)]
        assert pieces == sorted(set(range(first, first + more + 1)) - seen)
        assert (taken.outcome is Outcome.ALREADY) == (not pieces)
        assert (taken.outcome is Outcome.GAP) == (first > held.mark + 1)
        seen.update(pieces)
        held = taken.held
        assert held_in(held) == seen
        assert list(held.missing) == sorted(held.missing)


@given(PARTS)
def test_taken_again_it_adds_nothing(parts: list[tuple[int, int]]) -> None:
    held = NOTHING
    for first, more in parts:
        held = take(held, first, first + more).held
    for first, more in parts:
        assert take(held, first, first + more) == (Outcome.ALREADY, (), held)


@given(PARTS)
def test_pieces_alone_lead_to_the_same(parts: list[tuple[int, int]]) -> None:
    """What is rebuilt from a log, which holds the pieces, is what was known when they were taken."""
    held, rebuilt = NOTHING, NOTHING
    for first, more in parts:
        check = 100 * first + more
        taken = take(held, first, first + more, check)
        for low, high in taken.pieces:
            rebuilt = take(rebuilt, low, high, check).held
        held = taken.held
        assert rebuilt == held


def test_more_gaps_than_are_remembered_give_up_the_oldest() -> None:
    held = NOTHING
    for number in range(1, 2 * MAX_MISSING + 4, 2):
        held = take(held, number, number).held
    assert len(held.missing) == MAX_MISSING
    assert take(held, 0, 0).outcome is Outcome.ALREADY
    assert take(held, held.missing[0][0], held.missing[0][0]).outcome is Outcome.APPENDED


def test_a_part_in_the_middle_of_a_gap_splits_it() -> None:
    held = take(NOTHING, 100, 109).held
    assert take(held, 40, 49) == (Outcome.APPENDED, ((40, 49),), Held(109, ((0, 39), (50, 99))))
