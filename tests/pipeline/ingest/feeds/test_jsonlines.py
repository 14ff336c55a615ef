"""JSON lines: whole, damaged and hostile; a good line is read whatever stands around it."""

from __future__ import annotations

import codecs
import json
import math
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.block import Block
from carecordon.pipeline.ingest.feeds import jsonlines
from carecordon.pipeline.ingest.feeds.jsonlines import JSONLINES
from carecordon.pipeline.ingest.json_text import MAX_RECORD
from tests.pipeline.ingest.feeds.reading import Repeated, read_all

GOOD = b'{"EventID": 1, "Image": "C:\\\\Windows\\\\a.exe"}'
MIB = 1 << 20

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False).filter(math.isfinite)
)
DOCUMENTS = st.dictionaries(
    st.text(), st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)


@given(
    st.lists(DOCUMENTS, max_size=4), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from(["\n", "\r\n"])
)
def test_what_was_written_is_read(documents: list[dict[str, Any]], encoding: str, line_end: str) -> None:
    text = line_end.join(json.dumps(document) for document in documents)
    reading = read_all(JSONLINES, text.encode(encoding))
    assert list(reading.events.values()) == documents
    assert not reading.bad


def test_blank_lines_are_no_records() -> None:
    reading = read_all(JSONLINES, b"\n\n" + GOOD + b"\n  \r\n\n" + GOOD)
    assert list(reading.events) == [1, 2]
    assert not reading.bad


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"EventID": 1', "not JSON"),
        (b"complete nonsense", "not JSON"),
        (b'"a text"', "no JSON object but str"),
        (b"[1, 2]", "no JSON object but list"),
        (b"null", "no JSON object but NoneType"),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested too deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deep"),
        (b'{"a":' * 10_000, "nested too deep"),
        (b'{"a": [' + b"0," * 600_000 + b"0]}", "more than 500,000 values"),
        (b"\x00" * 50, "not JSON"),
        (b"\x00" * 50 + b"nonsense", "not JSON"),
    ],
)
def test_a_bad_line_is_told_where_it_stands_and_the_lines_around_it_are_read(line: bytes, says: str) -> None:
    reading = read_all(JSONLINES, b"\n".join((GOOD, line, GOOD)))
    assert list(reading.events) == [1, 3]
    assert reading.lost == [(2, 1)]
    assert says in reading.bad[0].reason


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": "caf\xe9"}', "caf\ufffd"),
        (b'{"a": "x\\ud800y"}', "x\ufffdy"),
        (b'{"a": "\\ud83d\\ude00 \\udc00"}', "\U0001f600 \ufffd"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "1e999"),
    ],
)
def test_what_a_strict_reader_refuses_is_rescued(line: bytes, value: str) -> None:
    reading = read_all(JSONLINES, GOOD + b"\n" + line)
    assert reading.events[2] == {"a": value}
    assert not reading.bad


@pytest.mark.parametrize("zeros", [1, 5000, 2 * MIB])
def test_a_record_behind_zero_bytes_is_read_and_they_are_told(zeros: int) -> None:
    reading = read_all(JSONLINES, b"\n".join((GOOD, bytes(zeros) + GOOD, GOOD)))
    assert list(reading.events) == [1, 2, 3]
    assert [(bad.position, bad.count) for bad in reading.bad] == [(2, 0)]
    assert f"{zeros:,} zero bytes" in reading.notes[0]


def test_a_line_over_which_decoding_breaks_is_told_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> NoReturn:
        raise MemoryError("made up")

    monkeypatch.setattr(jsonlines, "decode", broken)
    reading = read_all(JSONLINES, b"\n".join([GOOD, b"{", GOOD]) + b"\n")
    assert list(reading.events) == [1, 3]
    assert [(bad.position, "MemoryError: made up" in bad.reason) for bad in reading.bad] == [(2, True)]


def test_a_line_of_100_mib_is_skipped_and_never_held() -> None:
    stream = Repeated((GOOD + b"\n", 1), (b'{"a": "', 1), (b"A" * MIB, 100), (b'"}\n', 1), (GOOD + b"\n", 2))
    reading = read_all(JSONLINES, stream)
    assert list(reading.events) == [1, 3, 4]
    assert reading.lost == [(2, 1)]
    assert "longer than 16 MiB" in reading.bad[0].reason
    assert stream.largest <= MIB


def test_a_line_of_the_greatest_length_is_read() -> None:
    line = b'{"a": "' + b"A" * (MAX_RECORD - 9) + b'"}'
    assert len(line) == MAX_RECORD
    reading = read_all(JSONLINES, line + b"\n" + line[:-2] + b'A"}\n' + GOOD)
    assert list(reading.events) == [1, 3]
    assert reading.lost == [(2, 1)]


def test_an_unending_line_is_one_bad_record() -> None:
    reading = read_all(JSONLINES, Repeated((b"A" * MIB, 40)))
    assert reading.lost == [(1, 1)]


def test_blocks_hold_whole_lines() -> None:
    line = GOOD + b"\n"
    blocks = list(JSONLINES.split(Repeated((line * 1000, 60))))
    assert len(blocks) > 1
    assert all(isinstance(block, Block) and block.data.endswith(b"\n") for block in blocks)
    assert sum(block.data.count(b"\n") for block in blocks if isinstance(block, Block)) == 60_000


def test_utf16_that_is_none_becomes_replacement_characters() -> None:
    text = codecs.BOM_UTF16_LE + '{"a": "x'.encode("utf-16-le") + b"\x00\xd8" + '"}\n{"b": 1}'.encode("utf-16-le")
    assert read_all(JSONLINES, text).events == {1: {"a": "x\ufffd"}, 2: {"b": 1}}
