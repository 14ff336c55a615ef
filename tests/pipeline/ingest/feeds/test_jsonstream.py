"""JSON arrays and objects in any layout: cut where they end, and where one is damaged, where the next begins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.ingest.feeds.jsonstream import JSONSTREAM
from tests.pipeline.ingest.feeds.reading import Repeated, Sips, read_all
from tests.pipeline.ingest.feeds.test_jsonlines import DOCUMENTS, MIB

EVENT = {"Channel": "Security", "Event": {"Data": [{"Name": "a}{", "x": 'quo"te \\'}, {}]}}


def laid_out(documents: list[dict[str, Any]]) -> list[str]:
    """Return the documents in every layout."""
    return [
        json.dumps(documents),
        json.dumps(documents, indent=2),
        "".join(json.dumps(document) for document in documents),
        "\n".join(json.dumps(document, indent=4) for document in documents),
        "[" + ",\n".join(json.dumps(document) for document in documents) + "]\n",
        "\x1e".join(json.dumps(document) + "\n" for document in documents),
    ]


@given(st.lists(DOCUMENTS, max_size=4), st.integers(0, 5), st.integers(1, 40))
def test_what_was_written_is_read(documents: list[dict[str, Any]], layout: int, sip: int) -> None:
    reading = read_all(JSONSTREAM, Sips(laid_out(documents)[layout].encode(), sip))
    assert list(reading.events.values()) == documents
    assert not reading.bad


@pytest.mark.parametrize(
    "broken",
    [
        '{"EventID": tru}',
        '{"EventID": 1, "a": "no end}',
        '{"EventID": 1, "a": {"b": 1}',
        '{"EventID": 1',
        '{"EventID": ' + "[" * 10_000 + "]" * 10_000 + "}",
        "7",
        '"a text"',
    ],
)
@pytest.mark.parametrize("layout", ["[%s,\n%s,\n%s,\n%s]", "[\n  %s,\n  %s,\n  %s,\n  %s\n]", "%s\n%s\n%s\n%s\n"])
def test_a_damaged_element_hides_no_other(broken: str, layout: str) -> None:
    good = json.dumps(EVENT)
    reading = read_all(JSONSTREAM, (layout % (good, broken, good, good)).encode())
    assert list(reading.events.values()) == [EVENT] * 3
    assert reading.lost == [(2, 1)]


def test_in_a_single_line_the_objects_after_a_missing_brace_are_found() -> None:
    reading = read_all(JSONSTREAM, b'[{"a": 1}, {"b": {"c": 2}, {"d": 3}, {"e": 4}]')
    assert {"d": 3} in reading.events.values()
    assert {"e": 4} in reading.events.values()
    assert sum(count for _, count in reading.lost) == 1


def test_a_cut_file_gives_what_stands_before_the_cut() -> None:
    text = json.dumps([EVENT] * 3, indent=1).encode()
    reading = read_all(JSONSTREAM, text[:-20])
    assert list(reading.events) == [1, 2]
    assert reading.lost == [(3, 1)]


@pytest.mark.parametrize("filling", [b"A" * MIB, b'\\"' * (MIB // 2), b"{" * MIB])
def test_an_object_of_100_mib_is_skipped_and_never_held(filling: bytes) -> None:
    stream = Repeated((b'[{"a": 1}, {"b": "', 1), (filling, 100), (b'"}, {"c": 2}]', 1))
    reading = read_all(JSONSTREAM, stream)
    assert reading.events == {1: {"a": 1}, 3: {"c": 2}}
    assert reading.lost == [(2, 1)]
    assert "longer than 16 MiB" in reading.bad[0].reason


def test_20_mib_of_open_braces_hold_no_event() -> None:
    reading = read_all(JSONSTREAM, Repeated((b'{"a":' * 200_000, 20)))
    assert not reading.events
    assert reading.lost


def test_100_mib_between_objects_are_told_and_never_held() -> None:
    reading = read_all(JSONSTREAM, Repeated((b'{"a": 1}', 1), (b"A" * MIB, 100), (b'{"b": 2}', 1)))
    assert list(reading.events.values()) == [{"a": 1}, {"b": 2}]
    assert reading.lost
    assert "stands what is none" in reading.bad[0].reason


def test_a_missing_brace_in_a_large_file_costs_one_record() -> None:
    good = b'  {\n    "a": "' + b"A" * 1000 + b'"\n  },\n'
    stream = Repeated((b"[\n", 1), (good, 10), (b'  {\n    "b": {\n  },\n', 1), (good, 20_000), (b'  {"c": 1}\n]', 1))
    reading = read_all(JSONSTREAM, stream)
    assert len(reading.events) == 10 + 20_000 + 1
    assert reading.lost == [(11, 1)]
