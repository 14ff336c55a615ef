"""All laws in the order of the design, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.house.floors import circles, floors, outward
from tests.house.manners import dangers, docstrings, length, names, open_ends, switched_off
from tests.house.purity import purity
from tests.house.shelves import shelves
from tests.house.tree import Tree, Violation

Law = Callable[[Tree], Iterator[Violation]]

LAWS: dict[str, Law] = {
    "floors": floors,
    "outward": outward,
    "circles": circles,
    "purity": purity,
    "shelves": shelves,
    "names": names,
    "length": length,
    "docstrings": docstrings,
    "dangers": dangers,
    "open ends": open_ends,
    "switched off": switched_off,
}
