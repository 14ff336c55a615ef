"""Atoms that no condition tells apart share a bit, and every condition says of bits what it says of atoms."""

from __future__ import annotations

from itertools import combinations
from typing import assert_never

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.event import Kind
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.masks import bits_of, mask_of, masked
from carecordon.pipeline.detect.sigma.nodes import FALSE, TRUE, AllOf, AnyOf, Every, Known, No, Some, Test, atoms_of
from tests.pipeline.detect.sigma.matching import ready, rule

ATOMS = range(6)
SETS = st.frozensets(st.sampled_from(ATOMS), min_size=1, max_size=4)
TESTS = st.recursive(
    SETS.map(AnyOf) | SETS.map(AllOf) | st.sampled_from([TRUE, FALSE]),
    lambda inner: (
        inner.map(No)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: Every(tuple(parts)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: Some(tuple(parts)))
    ),
    max_leaves=6,
)


def holds(test: Test, truths: frozenset[int]) -> bool:
    """Return what a condition says, by its words."""
    match test:
        case AnyOf(atoms):
            return not atoms.isdisjoint(truths)
        case AllOf(atoms):
            return atoms <= truths
        case Every(parts):
            return all(holds(part, truths) for part in parts)
        case Some(parts):
            return any(holds(part, truths) for part in parts)
        case No(part):
            return not holds(part, truths)
        case Known(value):
            return value
    assert_never(test)


@given(st.lists(TESTS, max_size=4))
def test_bits_say_what_atoms_say(tests: list[Test]) -> None:
    asked = sorted(frozenset().union(*map(atoms_of, tests)))
    bits = bits_of(asked, tests)
    assert list(bits) == asked
    for count in range(len(asked) + 1):
        for truths in map(frozenset, combinations(asked, count)):
            mask = mask_of(truths, bits)
            assert [masked(test, bits).holds(mask) for test in tests] == [holds(test, truths) for test in tests]


def test_what_always_comes_together_is_one_bit() -> None:
    tests: list[Test] = [
        AnyOf(frozenset({1, 2, 3, 4})),
        Every((AnyOf(frozenset({3, 4})), No(AllOf(frozenset({5, 6}))))),
    ]
    assert bits_of([1, 2, 3, 4, 5, 6], tests) == {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 8}


def test_a_long_list_costs_a_bit() -> None:
    """A bit for each would be integers of 30,000 bits, 30,000 times."""
    values = ", ".join(f"'{number}.example'" for number in range(30_000))
    engine = Engine(ready(rule(f"s: {{A: [{values}]}}")), None)
    plan = engine.plan(Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1))
    assert set(plan._bits.values()) == {1}
    assert [len(outcome) for outcome in (plan._weigh(1), plan._weigh(0))] == [1, 0]
