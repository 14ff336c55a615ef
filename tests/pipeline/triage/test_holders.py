"""Who holds a name is told in the order in which they came, however many there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.triage.holders import Holders

KEYS = [("a",), ("b",), ("c",)]


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from(KEYS), st.booleans()), max_size=30))
def test_as_a_table_of_tables_would(steps: list[tuple[str, tuple[str, ...], bool]]) -> None:
    holders, plain = Holders[str](), dict[str, list[tuple[str, ...]]]()
    for name, key, comes in steps:
        held = plain.setdefault(name, [])
        if comes:
            holders.put(name, key)
            if key not in held:
                held.append(key)
        elif key in held:
            holders.take_out([name], key)
            held.remove(key)
        assert {one: list(holders.of(one)) for one in "xy"} == {one: plain.get(one, []) for one in "xy"}
