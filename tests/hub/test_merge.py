"""Merging batches keeps every event as it was, and says whose each one is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.hub.worker.merge import Sent, joined, merge, picked
from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.wire import codec

KINDS = (Kind("Security", "Auditing", 4688), Kind("System", None, 7045), Kind(None, None, None))
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, 1.5]),
    st.text("aA1", max_size=3),
    st.tuples(st.sampled_from(["a", 1, 1.0, True, None])),
)
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from("ABCDEFG"), VALUES, max_size=5)),
    min_size=1,
    max_size=12,
)


def rows_of(events: list[tuple[Kind, dict[str, Any]]], device: str) -> Rows:
    """Return events as rows of one device."""
    count = len(events)
    fields = [dict(fields) for _, fields in events]
    return Rows([kind for kind, _ in events], fields, [7] * count, [device] * count, [None] * count, list(range(count)))


@given(batches=st.lists(EVENTS, min_size=1, max_size=6), by_wire=st.booleans())
def test_every_event_is_what_it_was(batches: list[list[tuple[Kind, dict[str, Any]]]], by_wire: bool) -> None:
    tables = [gather(rows_of(events, f"d{number}")) for number, events in enumerate(batches)]
    if by_wire:
        tables = [codec.decode(codec.encode(table)) for table in tables]
    merged = merge(
        [
            Sent(table, f"s{number % 2}", 10 + number, 100 * number, 1_000 + number, None)
            for number, table in enumerate(tables)
        ]
    )
    row = 0
    for number, table in enumerate(tables):
        for own in range(len(table)):
            before, after = table.complete(own), merged.table.complete(row)
            assert {name: _typed(value) for name, value in before.items()} == {
                name: _typed(value) for name, value in after.items()
            }
            assert merged.table.header(row)._replace(position=0) == table.header(own)._replace(position=0)
            assert merged.table.sequence[row] == row
            assert merged.file(row) == f"s{number % 2}/{10 + number}"
            assert merged.sequence[row] == 100 * number + own
            assert merged.received[row] == 1_000 + number
            row += 1
    assert row == len(merged)


def _typed(value: Any) -> Any:
    return tuple(map(_typed, value)) if isinstance(value, tuple) else (type(value), repr(value))


@given(batches=st.lists(EVENTS, min_size=1, max_size=4), data=st.data())
def test_picked_rows_are_what_they_were(batches: list[list[tuple[Kind, dict[str, Any]]]], data: st.DataObject) -> None:
    merged = merge([Sent(gather(rows_of(events, "d")), "s", 1, 0, 5, None) for events in batches])
    chosen = data.draw(st.lists(st.integers(0, len(merged) - 1), max_size=5, unique=True))
    part = picked(merged, chosen)
    assert len(part) == len(chosen)
    for place, row in enumerate(chosen):
        assert dict(part.table.complete(place)) == dict(merged.table.complete(row))
        assert part.sequence[place] == merged.sequence[row]
        assert part.table.sequence[place] == place


@pytest.mark.parametrize("count", [1, 8, 9, 40])
def test_a_name_from_the_certificate_stands_over_those_in_the_events(count: int) -> None:
    table = gather(rows_of([(KINDS[0], {"A": str(number)}) for number in range(count)], "liar"))
    merged = merge([Sent(table, "s", 1, 0, 5, "ward-7"), Sent(table, "t", 1, 0, 5, None)])
    names = [merged.table.header(row).device for row in range(len(merged))]
    assert names == ["ward-7"] * count + ["liar"] * count


def test_texts_stand_in_the_bytes_that_keywords_are_looked_for_in() -> None:
    tables = [
        codec.decode(codec.encode(gather(rows_of([(KINDS[0], {"A": text})], "d")))) for text in ("first", "other")
    ]
    merged = merge([Sent(table, "s", 1, 0, 5, None) for table in tables])
    assert merged.table.text is not None
    assert b"first" in merged.table.text
    assert b"other" in merged.table.text
    mixed = merge(
        [Sent(tables[0], "s", 1, 0, 5, None), Sent(gather(rows_of([(KINDS[0], {})], "d")), "s", 1, 0, 5, None)]
    )
    assert mixed.table.text is None, "a batch without such bytes: nothing may be ruled out"


@given(batches=st.lists(EVENTS, min_size=1, max_size=6), at=st.integers(0, 6))
def test_joining_merged_batches_is_merging_them_all(batches: list[list[tuple[Kind, dict[str, Any]]]], at: int) -> None:
    sent = [
        Sent(gather(rows_of(events, f"d{number % 3}")), f"s{number % 2}", number, 100 * number, 1_000 + number, None)
        for number, events in enumerate(batches)
    ]
    whole, parts = merge(sent), joined([merge(sent[:at]), merge(sent[at:])])
    assert len(parts) == len(whole)
    for row in range(len(whole)):
        assert parts.table.header(row) == whole.table.header(row)
        assert {name: _typed(value) for name, value in parts.table.complete(row).items()} == {
            name: _typed(value) for name, value in whole.table.complete(row).items()
        }
        assert parts.file(row) == whole.file(row)
        assert parts.sequence[row] == whole.sequence[row]
        assert parts.received[row] == whole.received[row]
