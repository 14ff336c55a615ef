"""A document becomes the same row whatever was read before it; what is no event says why."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import Row, Rows
from carecordon.model.block import Run
from carecordon.model.event import Kind, LogSource
from carecordon.pipeline.ingest.normalise import NEVER_SPACED, Normaliser

SYSMON = "Microsoft-Windows-Sysmon/Operational"
EARLY, LATE, SHORT = "2026-11-25 01:02:03.100", "2026-11-25T09:09:09Z", "2026-11-25 01:02:03"
CHOICES: dict[str, list[Any]] = {
    "Channel": [SYSMON, SYSMON, SYSMON, "Security", "SECURITY", None, 5, ["Security"]],
    "EventID": [1, 1, 1, 4688, "1", " 1", True, 1.0, None, "x", [1]],
    "SourceName": ["Made Up", "", None, ["x"]],
    "Computer": ["pc-1", None, 7, ""],
    "Hostname": ["pc-2", None, ["x"]],
    "EventRecordID": [5, "6", None, "x", True],
    "RecordNumber": [7, "8", None, 1.5],
    "TimeCreated": [EARLY, "garbage", None],
    "UtcTime": [EARLY, LATE, "garbage", 5],
    "@timestamp": [LATE, ""],
    "EventTime": [SHORT, EARLY],
    "Provider_Name": ["Other", "", None],
    "Event": ["text", {}, {"System": {"EventID": 9}}],
    "winlog": [{}, "text"],
    "Image": ["x"],
    "NewProcessName": ["y"],
}
RARE = ("Provider_Name", "Event", "winlog")


def random_document(rng: Random) -> dict[str, Any]:
    """Return a document in which names of the header come and go, and are sometimes of no use."""
    names = [
        name
        for name in CHOICES
        if rng.random() < (0.08 if name in RARE else 0.95 if name in ("Channel", "EventID") else 0.55)
    ]
    rng.shuffle(names)
    return {name: deepcopy(CHOICES[name][min(rng.randrange(12), rng.randrange(len(CHOICES[name])))]) for name in names}


def added(normaliser: Normaliser, documents: list[dict[str, Any]]) -> list[str]:
    """Return what each document becomes, spelt so that True, 1 and 1.0 differ."""
    found: list[str] = []
    for position, document in enumerate(documents, 1):
        rows, refusal = read(normaliser, deepcopy(document), position)
        header = repr(rows.header(0)) if refusal is None else refusal
        found.append(header + repr(rows.complete(0) if refusal is None else {}))
    return found


def read(normaliser: Normaliser, document: dict[str, Any], position: int = 1) -> tuple[Rows, str | None]:
    """Return what the document becomes, as rows, or the reason why it is no event."""
    rows, refused = normaliser.read(Run(position, [document]))
    assert len(rows) + len(refused) == 1
    assert all(bad.position == position for bad in refused)
    return Rows.of(rows), refused[0].reason if refused else None


@pytest.mark.parametrize("bound", [None, LogSource("linux", None, "auditd")])
@pytest.mark.parametrize("seed", range(25))
def test_what_was_read_before_changes_nothing(seed: int, bound: LogSource | None) -> None:
    rng = Random(seed)
    documents = [random_document(rng) for _ in range(60)]
    fresh = [line for number, document in enumerate(documents, 1) for line in alone(document, number, bound)]
    assert added(Normaliser(bound), documents) == fresh


def alone(document: dict[str, Any], number: int, bound: LogSource | None) -> list[str]:
    return added(Normaliser(bound), [{}] * (number - 1) + [document])[-1:]


SEEN = {
    "Channel": SYSMON,
    "EventID": 1,
    "SourceName": "Made Up",
    "Hostname": "pc-2",
    "RecordNumber": 7,
    "UtcTime": EARLY,
}


@pytest.mark.parametrize(
    "change",
    [
        {"Computer": "pc-1"},
        {"EventRecordID": 9},
        {"EventRecordID": None},
        {"TimeCreated": LATE},
        {"EventTime": LATE},
        {"UtcTime": None, "@timestamp": LATE},
        {"Hostname": None},
        {"RecordNumber": None},
        {"RecordNumber": "8"},
        {"EventID": True},
        {"EventID": 1.0},
        {"EventID": "1"},
        {"Provider_Name": "Other"},
        {"Event": {"System": {"EventID": 5}}},
        {"winlog": {"event_id": 5}},
        {"SourceName": None},
    ],
    ids=str,
)
def test_a_document_that_differs_from_the_one_before_stands_for_itself(change: dict[str, Any]) -> None:
    """In either order: the layout of the first must not be put upon the second."""
    other = {name: value for name, value in (SEEN | change).items() if value is not None or name == "EventRecordID"}
    for documents in ([SEEN, other], [other, SEEN], [SEEN, SEEN, other, SEEN]):
        fresh = [line for number, document in enumerate(documents, 1) for line in alone(document, number, None)]
        assert added(Normaliser(), documents) == fresh


def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would prove nothing of it."""
    normaliser = Normaliser()
    calls: list[int] = []
    long_way = normaliser._by_shape

    def counted(document: dict[str, Any], position: int) -> Row | str:
        calls.append(position)
        return long_way(document, position)

    monkeypatch.setattr(normaliser, "_by_shape", counted)
    found, refused = normaliser.read(Run(1, [dict(SEEN) for _ in range(5)]))
    rows = Rows.of(found)
    assert not refused
    assert calls == [1]
    assert set(rows.kinds) == {Kind(SYSMON, "Made Up", 1)}
    assert (rows.devices, rows.record_ids, rows.positions) == (["pc-2"] * 5, [7] * 5, [1, 2, 3, 4, 5])
    assert SYSMON.lower() in NEVER_SPACED


@pytest.mark.parametrize(
    ("document", "kind", "device", "record_id"),
    [
        ({"Channel": "System", "EventID": "7045"}, Kind("System", None, 7045), None, None),
        ({"Channel": "System"}, Kind("System", None, None), None, None),
        ({"EventID": 5}, Kind(None, None, 5), None, None),
        ({"Channel": 5, "EventID": "x"}, Kind(None, None, None), None, None),
        ({"EventID": 5, "Computer": 7, "EventRecordID": " 12 "}, Kind(None, None, 5), "7", 12),
        ({"Event": {"System": {"Channel": "System", "EventID": 7}}}, Kind("System", None, 7), None, None),
        (
            {"Event": {"System": {"EventID": {"#text": 7}, "Computer": "pc", "EventRecordID": "3"}}},
            Kind(None, None, 7),
            "pc",
            3,
        ),
        (
            {"winlog": {"channel": "System", "event_id": "7", "computer_name": "pc"}},
            Kind("System", None, 7),
            "pc",
            None,
        ),
        ({"winlog": {"provider_name": "p", "record_id": 2**63}}, Kind(None, "p", None), None, 2**63),
    ],
)
def test_shapes_are_told_apart(document: dict[str, Any], kind: Kind, device: str | None, record_id: int | None) -> None:
    rows, refusal = read(Normaliser(), document, 4)
    assert refusal is None
    assert rows.header(0) == (kind, device, None, record_id, 4)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "--logsource"),
        ({"message": "hello"}, "--logsource"),
        ({"Event": {"EventData": {}}}, "without System"),
        ({"Event": {"System": None}}, "without System"),
        ({"Event": [1]}, "--logsource"),
    ],
)
def test_what_is_no_event_says_why(document: dict[str, Any], reason: str) -> None:
    rows, refusal = read(Normaliser(), document)
    assert reason in (refusal or "")
    assert len(rows) == 0


@pytest.mark.parametrize(
    ("document", "fields", "time"),
    [
        ({"a": {"b": 1}, "timestamp": "2026-11-25T01:02:03Z"}, {"a.b": 1, "timestamp": "2026-11-25T01:02:03Z"}, True),
        ({"Event": {"b": 1}}, {"Event.b": 1}, False),
        ({"EventID": 7, "host": {"name": "srv"}}, {"EventID": 7, "host.name": "srv"}, False),
        ({"Channel": "x"}, {"Channel": "x"}, False),
        ({}, {}, False),
    ],
)
def test_unknown_shapes_are_bound_by_hand(document: dict[str, Any], fields: dict[str, Any], *, time: bool) -> None:
    bound = LogSource("linux", None, "auditd")
    rows, refusal = read(Normaliser(bound), document)
    assert refusal is None
    assert rows.kinds == [Kind(None, None, None, bound)]
    assert rows.fields == [fields]
    assert (rows.times[0] is not None) is time
    assert rows.devices == [fields.get("host.name")]


def test_known_shapes_stay_what_they_are_beside_bound_ones() -> None:
    documents: list[dict[str, Any]] = [dict(SEEN), {"Event": {"System": {"EventID": 3}}}, {"winlog": {"event_id": 4}}]
    rows, _ = Normaliser(LogSource("linux")).read(Run(1, documents))
    assert [kind.event_id for kind in Rows.of(rows).kinds] == [1, 3, 4]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Event",
                    "System",
                    "EventData",
                    "UserData",
                    "#text",
                    "#attributes",
                    "Data",
                    "winlog",
                    "event_data",
                    "a b",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["Event", "winlog", "Channel", "EventID", "System", "Computer", "UtcTime", "Provider", "x"]),
    JSON,
    max_size=5,
)


@given(st.lists(DOCUMENTS, max_size=4), st.sampled_from([None, LogSource("linux")]))
def test_whatever_decodes_becomes_a_row_or_a_reason(documents: list[dict[str, Any]], bound: LogSource | None) -> None:
    found, refused = Normaliser(bound).read(Run(1, documents))
    rows = Rows.of(found)
    assert sorted([*rows.positions, *(bad.position for bad in refused)]) == list(range(1, len(documents) + 1))
    assert all(bad.reason for bad in refused)
    for row in range(len(rows)):
        kind, device, time, record_id, _ = rows.header(row)
        assert isinstance(kind.channel, str | None)
        assert type(kind.event_id) in (int, type(None))
        assert isinstance(device, str | None)
        assert type(record_id) in (int, type(None))
        assert time is None or -(2**63) < time < 2**63
