"""A true EVTX log, whole and damaged at every joint: good records are read, and what is lost is told with its place."""

from __future__ import annotations

import random
import struct

import pytest

from carecordon.pipeline.ingest.feeds.evtx import EVTX
from tests.pipeline.ingest.feeds.evtx_sample import (
    CHUNK,
    CHUNKS,
    HEADER,
    SHARED,
    needs_sample,
    overwritten,
    records,
    sample,
)
from tests.pipeline.ingest.feeds.reading import Reading, read_all

SECOND = HEADER + CHUNK

pytestmark = needs_sample


def ids(reading: Reading) -> dict[int, int]:
    """Return the EventRecordID of each event by its position."""
    return {position: event["Event"]["System"]["EventRecordID"] for position, event in reading.events.items()}


def assert_all_but(damaged: bytes, *lost: int) -> Reading:
    """Check that just the records at these positions are missing, and told; return what was read."""
    reading = read_all(EVTX, damaged)
    whole = ids(read_all(EVTX, sample()))
    assert ids(reading) == {position: number for position, number in whole.items() if position not in lost}
    told = [position + offset for position, count in reading.lost for offset in range(count)]
    assert told == sorted(lost)
    return reading


def counts() -> list[int]:
    return [len(records(chunk)) for chunk in range(CHUNKS)]


def test_a_whole_log_is_read_without_a_word() -> None:
    reading = read_all(EVTX, sample())
    assert list(reading.events) == list(range(1, sum(counts()) + 1))
    assert not reading.bad


def test_unused_chunks_at_the_end_are_no_loss() -> None:
    reading = assert_all_but(sample() + bytes(5 * CHUNK))
    assert not reading.bad


def test_every_log_of_the_corpus_is_read_whole() -> None:
    readings = [read_all(EVTX, path.read_bytes()) for path in SHARED.rglob("*.evtx")]
    assert sum(len(reading.events) for reading in readings) > 10_000
    assert not [reading.bad for reading in readings if reading.bad]


@pytest.mark.parametrize("record", [1, 2, -2])
@pytest.mark.parametrize(
    ("offset", "content"),
    [
        pytest.param(0, b"XXXX", id="magic"),
        pytest.param(4, bytes(4), id="size 0"),
        pytest.param(4, b"\xff" * 4, id="size huge"),
        pytest.param(4, struct.pack("<I", 64), id="size small"),
        pytest.param(24, b"\xf5" * 500, id="body"),
        pytest.param(0, b"Z" * 800, id="most"),
    ],
)
def test_a_damaged_record_costs_that_record(offset: int, content: bytes, record: int) -> None:
    at, size = records(1)[record]
    assert offset + len(content) < size
    number = counts()[0] + (record if record > 0 else counts()[1] + record) + 1
    assert_all_but(overwritten((at + offset, content)), number)


def test_several_overwritten_records_cost_those() -> None:
    first, last = records(1)[5][0], records(1)[9][0]
    base = counts()[0]
    assert_all_but(overwritten((first, b"Z" * (last - first))), *range(base + 6, base + 10))


def test_an_emptied_record_is_told() -> None:
    at, size = records(1)[5]
    reading = assert_all_but(overwritten((at + 24, bytes(size - 28))), counts()[0] + 6)
    assert "holds no event" in reading.bad[0].reason


@pytest.mark.parametrize("filling", [b"A", b"\0"])
def test_an_overwritten_chunk_costs_its_records(filling: bytes) -> None:
    base = counts()[0]
    reading = assert_all_but(overwritten((SECOND, filling * CHUNK)), *range(base + 1, base + counts()[1] + 1))
    assert "a chunk is overwritten" in reading.bad[0].reason


def test_two_overwritten_chunks_are_told_as_one_loss() -> None:
    base = counts()[0]
    reading = assert_all_but(overwritten((SECOND, b"A" * 2 * CHUNK)), *range(base + 1, sum(counts()) + 1))
    assert "2 chunks are overwritten" in reading.bad[0].reason


def test_without_its_first_chunk_a_log_says_at_least_one_record_is_lost() -> None:
    reading = read_all(EVTX, overwritten((HEADER, b"A" * CHUNK)))
    assert len(reading.events) == sum(counts()[1:])
    assert reading.lost == [(1, 1)]


@pytest.mark.parametrize("size", [8, 128, 512])
def test_the_records_of_a_chunk_without_header_are_found(size: int) -> None:
    reading = assert_all_but(overwritten((SECOND, b"A" * size)))
    assert any("header of a chunk is overwritten" in note for note in reading.notes)


def test_damaged_string_tables_of_a_chunk_cost_nothing() -> None:
    assert_all_but(overwritten((SECOND + 128, random.Random(1).randbytes(384))))


@pytest.mark.parametrize("cut", [0, 10, 300, 40_000, CHUNK - 520, CHUNK - 10])
def test_a_log_cut_inside_its_last_chunk_is_told(cut: int) -> None:
    end = HEADER + (CHUNKS - 1) * CHUNK + cut
    kept = sum(counts()[:-1]) + sum(at + size <= end for at, size in records(CHUNKS - 1))
    reading = assert_all_but(sample()[:end], *range(kept + 1, sum(counts()) + 1))
    assert reading.bad
    assert all("ends" in bad.reason or "damaged" in bad.reason for bad in reading.bad)


def test_chunks_that_the_file_no_longer_has_are_told() -> None:
    reading = assert_all_but(sample()[:SECOND], *range(counts()[0] + 1, sum(counts()) + 1))
    assert "after 1 of the 3 chunks" in reading.bad[0].reason


@pytest.mark.parametrize("size", [8, 100, HEADER - 1])
def test_a_log_cut_in_its_header_is_told(size: int) -> None:
    assert read_all(EVTX, sample()[:size]).lost == [(1, 1)]


def test_a_log_without_file_header_is_read() -> None:
    reading = assert_all_but(overwritten((0, b"X" * HEADER)))
    assert "the file header is overwritten" in reading.notes[0]


def test_wrong_counts_in_the_file_header_are_told_and_all_is_read() -> None:
    fewer = assert_all_but(overwritten((42, struct.pack("<H", 1))))
    assert fewer.notes == ["the file header counts 1 chunks, the file holds 3: every one that stands was read"]
    more = assert_all_but(overwritten((42, struct.pack("<H", 9))))
    assert "after 3 of the 9 chunks" in more.notes[0]


NO_HEADER = (0, bytes(HEADER))
COUNTS_ONE = (42, struct.pack("<H", 1))
IS_OPEN = (120, b"\1")


@pytest.mark.parametrize("header", [(NO_HEADER,), (COUNTS_ONE,), (COUNTS_ONE, IS_OPEN)])
def test_a_zeroed_chunk_before_records_is_lost_whatever_the_header_counts(
    header: tuple[tuple[int, bytes], ...],
) -> None:
    base = counts()[0]
    reading = assert_all_but(overwritten((SECOND, bytes(CHUNK)), *header), *range(base + 1, base + counts()[1] + 1))
    assert any("a chunk is overwritten" in bad.reason for bad in reading.bad)


def test_a_zeroed_first_chunk_is_lost_also_without_a_header() -> None:
    reading = read_all(EVTX, bytes(SECOND) + sample()[SECOND:])
    assert len(reading.events) == sum(counts()[1:])
    assert reading.lost == [(1, 1)]


@pytest.mark.parametrize("kept", [1, 2])
def test_zeroed_chunks_at_the_end_are_lost_if_the_header_knows_of_records_in_them(kept: int) -> None:
    end = HEADER + kept * CHUNK
    damaged = overwritten(COUNTS_ONE, (end, bytes(len(sample()) - end)))
    reading = assert_all_but(damaged + bytes(5 * CHUNK), *range(sum(counts()[:kept]) + 1, sum(counts()) + 1))
    assert f"the last found is {sum(counts()[:kept]):,} before zero bytes" in reading.bad[-1].reason


def test_a_lost_last_chunk_before_unused_ones_is_counted_by_the_header() -> None:
    last = HEADER + (CHUNKS - 1) * CHUNK
    damaged = overwritten((last, b"A" * CHUNK)) + bytes(5 * CHUNK)
    assert_all_but(damaged, *range(sum(counts()[:-1]) + 1, sum(counts()) + 1))


def test_what_is_lost_past_the_headers_count_is_not_told_to_be_nothing() -> None:
    last = HEADER + (CHUNKS - 1) * CHUNK
    fewer = (24, sample()[last + 24 : last + 32]), (42, struct.pack("<H", CHUNKS - 1))
    reading = read_all(EVTX, overwritten((last, b"A" * CHUNK), *fewer))
    assert reading.lost == [(sum(counts()[:-1]) + 1, 1)]


def test_an_open_logs_header_is_not_asked_what_its_lost_end_held() -> None:
    last = HEADER + (CHUNKS - 1) * CHUNK
    stale = 24, sample()[last + 24 : last + 32]
    reading = read_all(EVTX, overwritten((last, b"A" * CHUNK), stale, IS_OPEN))
    assert reading.lost == [(sum(counts()[:-1]) + 1, 1)]


def test_an_open_log_may_hold_more_than_its_header_counts() -> None:
    reading = assert_all_but(overwritten((42, struct.pack("<H", 1)), (120, b"\1")))
    assert not reading.bad


@pytest.mark.parametrize(
    "numbers", [b"\xff" * 32, bytes(32), struct.pack("<QQQQ", 1, 900, 1, 900), struct.pack("<QQQQ", 37, 40, 37, 40)]
)
def test_wrong_counts_in_a_chunk_header_are_told_and_all_is_read(numbers: bytes) -> None:
    reading = assert_all_but(overwritten((SECOND + 8, numbers)))
    assert any("the header of a chunk" in note for note in reading.notes)


@pytest.mark.parametrize("pointer", [0, 1, 0xFFFFFFFF])
def test_a_wrong_free_space_pointer_hides_nothing(pointer: int) -> None:
    assert_all_but(overwritten((SECOND + 48, struct.pack("<I", pointer))))


def test_records_behind_the_free_space_pointer_of_an_open_log_are_read() -> None:
    at = records(1)[5][0]
    first = struct.unpack_from("<Q", sample(), SECOND + 24)[0]
    header = struct.pack("<QQQQ", first, first + 4, first, first + 4)
    reading = assert_all_but(overwritten((SECOND + 8, header), (SECOND + 48, struct.pack("<I", at - SECOND))))
    assert any("counts 5 records" in note for note in reading.notes)


def test_left_overs_behind_the_free_space_pointer_are_no_records() -> None:
    at, size = records(1)[-1]
    left_over = struct.pack("<4sIQ", b"**\0\0", 64, 1) + bytes(44) + struct.pack("<I", 64)
    reading = assert_all_but(overwritten((at + size, left_over)))
    assert not reading.bad


def name_entries(chunk: int) -> list[int]:
    """Return the offset in the file of the first name of each chain in the chunk's table of names."""
    start = HEADER + chunk * CHUNK
    return [start + head for head in struct.unpack_from("<64I", sample(), start + 128) if head]


def test_a_table_of_names_that_runs_in_a_circle_costs_nothing() -> None:
    first, second = name_entries(1)[:2]
    circle = ((first, struct.pack("<I", second - SECOND)), (second, struct.pack("<I", first - SECOND)))
    assert_all_but(overwritten(*circle))
    assert_all_but(overwritten((first, struct.pack("<I", first - SECOND))))


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_never_shifts_what_is_read(seed: int) -> None:
    rng = random.Random(seed)
    places = [(rng.randrange(SECOND + 512, SECOND + CHUNK - 64), rng.randbytes(rng.randrange(1, 64))) for _ in range(3)]
    reading = read_all(EVTX, overwritten(*places))
    whole = ids(read_all(EVTX, sample()))
    before, after = counts()[0], sum(counts()[:2])
    read = {position: number for position, number in ids(reading).items() if not before < position <= after}
    assert read == {position: number for position, number in whole.items() if not before < position <= after}
