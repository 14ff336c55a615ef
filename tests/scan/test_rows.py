"""Rows give back what was packed: each as it was, whatever stands beside it; what is alike is one object."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.event import Value
from carecordon.model.match import Match
from carecordon.scan.rows import ALIKE_BYTES, found_in, placed, row_of
from tests.pipeline.triage.grouping import start
from tests.replacing import replace
from tests.scan.test_spool import KNOWN, match

FIELDS = st.dictionaries(st.sampled_from("AB"), st.sampled_from(["x", 1, True, None, ("x", "y")]), max_size=2)
MATCHES = st.builds(
    match,
    rule=st.integers(0, 1),
    file=st.sampled_from("ab"),
    position=st.integers(1, 2),
    time=st.sampled_from([None, 0, 1]),
    fields=FIELDS,
)


def matches(*found: Match) -> list[Match]:
    return [one for one in found_in(map(row_of, found), KNOWN) if isinstance(one, Match)]


@given(st.lists(MATCHES, max_size=12))
def test_each_comes_back_as_it_would_alone(found: list[Match]) -> None:
    assert list(map(repr, matches(*found))) == [repr(*matches(one)) for one in found] == list(map(repr, found))


def test_one_event_in_many_files_has_its_fields_once() -> None:
    fields: dict[str, Value] = {"A": "x"}
    first, other, second = matches(
        match(file="a", fields=fields), match(file="a", position=2, fields={"A": "y"}), match(file="b", fields=fields)
    )
    assert (first.fields is second.fields, first.subject is second.subject) == (True, True)
    assert other.fields is not first.fields
    assert (second.file, second.position) == ("b", 1)


def test_what_is_large_is_not_held_for_those_that_follow() -> None:
    """Whatever comes at one moment: also what has no time, which is one moment."""
    large: dict[str, Value] = {"A": "x" * (ALIKE_BYTES // 3)}
    rows = [row_of(match(position=position, time=None, fields=large | {"B": position})) for position in range(60)]
    tracemalloc.start()
    try:
        assert sum(1 for _ in found_in(rows, KNOWN)) == 60
        assert tracemalloc.get_traced_memory()[1] < 8 * ALIKE_BYTES
    finally:
        tracemalloc.stop()


def test_rows_are_placed_behind_what_came_before_them() -> None:
    (found,) = found_in(placed([row_of(match(file="", position=3))], "a.evtx", 40), KNOWN)
    assert (found.file, found.position) == ("a.evtx", 43)


def test_a_process_start_that_stands_in_many_files_comes_once_as_the_first_has_it() -> None:
    started = start("a-1", pid=4)
    again = replace(started, file="zzz")
    later = replace(started, time=started.time + 1)
    assert list(found_in(map(row_of, (started, again, later)), KNOWN)) == [started, later]
