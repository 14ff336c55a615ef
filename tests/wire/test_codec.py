"""A batch comes back from the wire as it went; what cannot be sent is told to the sender."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import Rows, Table
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind, LogSource
from carecordon.model.gather import gather
from carecordon.wire import codec, frame

SCALARS = (
    st.text(max_size=5)
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.none()
    | st.sampled_from([0, 1, 1.0, True, 0.0, -0.0])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3).map(tuple)
NAMES = st.text(max_size=6)
TEXTS = NAMES | st.none()
KINDS = st.builds(
    Kind, TEXTS, TEXTS, st.integers(0, 70_000) | st.none(), st.none() | st.builds(LogSource, TEXTS, TEXTS, TEXTS)
)
TIMES = st.integers(-(2**63) + 1, 2**63 - 1) | st.none()
Event = tuple[Kind, dict[str, Any], int | None, str | None]
EVENTS: st.SearchStrategy[list[Event]] = st.lists(
    st.tuples(KINDS, st.dictionaries(NAMES, VALUES, max_size=4), TIMES, TEXTS), max_size=5
)


def table_of(events: list[Event]) -> Table:
    return gather(
        Rows(
            kinds=[kind for kind, *_ in events],
            fields=[dict(fields) for _, fields, *_ in events],
            times=[time for *_, time, _ in events],
            devices=[device for *_, device in events],
            record_ids=[None] * len(events),
            positions=list(range(1, len(events) + 1)),
        )
    )


def one(**fields: Any) -> Table:
    return table_of([(Kind("Security", "made up", 4624), fields, 1_795_568_523_000_000_000, "ward-pc-07")])


@given(EVENTS)
def test_a_batch_comes_back_as_it_went(events: list[Event]) -> None:
    sent = table_of(events)
    came = codec.decode(codec.encode(sent))
    assert (came.kinds, came.devices) == (sent.kinds, sent.devices)
    for name in ("kind", "device", "time", "sequence"):
        assert getattr(came, name).tolist() == getattr(sent, name).tolist()
        assert getattr(came, name).dtype == getattr(sent, name).dtype
    assert came.columns.names == sent.columns.names
    assert came.columns.index.tolist() == sent.columns.index.tolist()
    for place in range(len(sent.columns.names)):
        assert repr(came.columns.values(place)) == repr(sent.columns.values(place))


@given(EVENTS)
def test_what_came_can_be_sent_on(events: list[Event]) -> None:
    data = codec.encode(table_of(events))
    assert codec.encode(codec.decode(data)) == data


def test_text_stands_as_it_is_in_the_unpacked_bytes() -> None:
    texts = ["plain", 'quoted "\\"', "Köln", "\0\n", "\U0001f600"]
    table = codec.decode(
        codec.encode(one(A=tuple(texts[:2]), **{f"F{number}": text for number, text in enumerate(texts)}))
    )
    assert table.text is not None
    assert table.columns.raw is not None
    assert all(text.encode() in bytes(table.text) for text in texts)
    for number, text in enumerate(texts):
        assert text.encode() in bytes(table.columns.raw(table.columns.places[f"F{number}"]))


def test_rows_that_are_all_alike_are_taken_though_they_pack_very_well() -> None:
    fields = {f"Field{number}": f"value {number}" for number in range(150)}
    events: list[Event] = [(Kind("Security", None, 1), fields, 0, "ward-pc-07")] * 1_500
    data = codec.encode(table_of(events))
    came = codec.decode(data)
    assert len(frame.unpack(data)) > frame.MAX_RATIO * len(data)
    assert dict(came.complete(1_499))["Field7"] == "value 7"


def test_a_snapshot_as_large_as_one_line_of_its_source_is_sent() -> None:
    """osquery: a line of 1 MiB, rows of three short columns, gives three lists with an item for each row."""
    rows = [{"pid": str(number), "name": "p", "on": "1"} for number in range(30_000)]
    assert len(json.dumps(rows)) > 1 << 20
    came = codec.decode(codec.encode(one(name="pack/processes", snapshot=rows)))
    fields = dict(came.complete(0))
    assert fields["snapshot.pid"] == tuple(row["pid"] for row in rows)
    assert fields["snapshot.on"] == ("1",) * 30_000


@pytest.mark.parametrize(
    "table",
    [
        one(A=2**64),
        one(A=("x", -(2**63) - 1)),
        one(A="half a pair \ud800"),
        one(**{"\udfff": "x"}),
        one(**{"N" * (codec.MAX_NAME + 1): "x"}),
        one(**{f"F{number}": number for number in range(codec.MAX_COLUMNS + 1)}),
        table_of([(Kind("S\ud800", None, 1), {}, 0, None)]),
        table_of([(Kind("S", None, 1), {}, 0, "pc\ud800")]),
        table_of([(Kind("S", None, 2**65), {}, 0, None)]),
        table_of([(Kind("S", None, 2**63), {}, 0, None)]),
        one(A=(None,) * (codec.MAX_ITEMS + 1)),
        one(**{f"F{number}": (number,) * codec.MAX_ITEMS for number in range(5)}),
        table_of([(Kind("S", None, 1), {}, 0, None)] * (codec.MAX_ROWS + 1)),
    ],
    ids=range(13),
)
def test_what_cannot_be_sent_is_the_senders_fault(table: Table) -> None:
    with pytest.raises(TheirFault, match="batch: "):
        codec.encode(table)


def test_a_batch_too_large_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MAX_UNPACKED", 100)
    with pytest.raises(TheirFault, match="send smaller batches"):
        codec.encode(one(A="x" * 200))
