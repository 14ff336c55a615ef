"""Only `write`, the fleet and the shelves' own listing touch the world; all else is handed its chance by the seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.purity import touches
from tests.house.tree import Source, read_tree

TREE = read_tree(Path(__file__).parents[2])
FILES = [
    source
    for source in TREE.package
    if source.parts[1] == "exercise" and "fleet" not in source.parts and source.parts[-1] not in ("write", "__init__")
]
SEEDED = {"random.Random"}


@pytest.mark.parametrize("source", FILES, ids=lambda source: "/".join(source.parts[2:]))
def test_making_events_touches_nothing(source: Source) -> None:
    assert {what for _, what in touches(source)} <= SEEDED
    assert source.text.count("Random(") == source.text.count('Random(f"') + source.text.count('Random(":"'), (
        "seeded by text"
    )


def test_they_are_looked_at() -> None:
    assert len(FILES) > 60
