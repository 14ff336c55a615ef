"""The short form of the fuzzing, and that every feed has its seeds."""

from __future__ import annotations

import random

import pytest

from carecordon.pipeline.ingest.feeds import all_feeds
from tests.fuzz.__main__ import fuzz
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import SEEDS, WIRE, targets

INPUTS = 300


def test_every_feed_is_fuzzed() -> None:
    assert set(SEEDS) == {feed.name for feed in all_feeds()}


@pytest.mark.parametrize("name", [*SEEDS, "archive", *(target.name for target in WIRE)])
def test_damaged_input_never_escapes_a_reader(name: str) -> None:
    target = targets()[name]
    result = fuzz(target, 1, range(INPUTS))
    assert not result.failures
    assert result.inputs == INPUTS
    assert result.records > INPUTS // 2


def test_an_input_is_made_again_from_its_number() -> None:
    seeds = (b"0123456789" * 10, b"abcdefghij" * 10)
    inputs = [mutated(random.Random(f"x:1:{number}"), seeds) for number in range(50)]
    assert inputs == [mutated(random.Random(f"x:1:{number}"), seeds) for number in range(50)]
    assert len(set(inputs)) > 40
