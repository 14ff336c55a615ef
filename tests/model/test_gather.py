"""Rows gathered into a table say the same of every event, each distinct value once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import UNKNOWN, Rows
from carecordon.model.event import Kind, Value
from carecordon.model.gather import gather

SCALARS = st.sampled_from([0, 1, True, False, 0.0, -0.0, 1.0, None, "", "1", "x", -(2**63), 2**64 - 1])
VALUES = SCALARS | st.lists(SCALARS, max_size=3)
EVENTS = st.dictionaries(st.sampled_from(["A", "B", "Computer", "EventRecordID"]), VALUES, max_size=4)
KINDS = st.sampled_from([Kind("Security", None, 1), Kind("security", None, 1), Kind("System", "p", None)])
ROWS = st.lists(
    st.tuples(KINDS, EVENTS, st.integers(-(2**62), 2**62) | st.none(), st.sampled_from(["pc", None])), max_size=6
)


def rows_of(events: list[tuple[Kind, dict[str, Any], int | None, str | None]]) -> Rows:
    return Rows(
        kinds=[kind for kind, *_ in events],
        fields=[dict(fields) for _, fields, *_ in events],
        times=[time for *_, time, _ in events],
        devices=[device for *_, device in events],
        record_ids=[None] * len(events),
        positions=list(range(1, len(events) + 1)),
    )


@given(ROWS)
def test_every_row_is_what_it_was(events: list[tuple[Kind, dict[str, Any], int | None, str | None]]) -> None:
    rows, table = rows_of(events), gather(rows_of(events))
    assert len(table) == len(rows)
    for row in range(len(rows)):
        assert told(dict(table.complete(row))) == told(rows.complete(row))
        view, fields = table.complete(row), rows.complete(row)
        assert [name in view for name in ("A", "B", "C")] == [name in fields for name in ("A", "B", "C")]
        assert all(repr(view.get(name, 7)) == repr(dict(view).get(name, 7)) for name in ("A", "B", "C"))
        seen, expected = table.header(row), rows.header(row)
        assert (seen.kind, seen.device, seen.time, seen.position) == (
            expected.kind,
            expected.device,
            expected.time,
            expected.position,
        )


@given(ROWS)
def test_each_distinct_value_stands_once(events: list[tuple[Kind, dict[str, Any], int | None, str | None]]) -> None:
    columns = gather(rows_of(events)).columns
    for place in range(len(columns.names)):
        texts = list(map(repr, columns.values(place)))
        assert len(set(texts)) == len(texts)
        assert set(columns.index[place].tolist()) - {-1} == set(range(len(texts)))


def test_a_time_that_is_not_known_stays_so() -> None:
    table = gather(rows_of([(Kind("System", None, 1), {}, None, None)]))
    assert table.time.tolist() == [UNKNOWN]
    assert table.header(0).time is None
    assert table.header(0).device is None


def told(fields: dict[str, Any]) -> dict[str, str]:
    """Return fields by their spelling, lists as tuples: True is not 1, nor 1.0."""
    hard: dict[str, Value] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return {name: repr(value) for name, value in hard.items()}
