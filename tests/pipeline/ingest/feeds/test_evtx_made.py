"""EVTX made by hand: read without outside data, and the parser guarded against what no true log holds."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from carecordon.pipeline.ingest import evtx_parser
from carecordon.pipeline.ingest.feeds.evtx import EVTX
from tests.pipeline.ingest.feeds.evtx_made import CHUNK, Element, made_chunk, made_event, made_log
from tests.pipeline.ingest.feeds.reading import Sips, read_all

USERS = ("nurse", "porter", "")
MIB = 1 << 20


def users(events: dict[int, dict[str, Any]]) -> dict[int, str | None]:
    return {position: event["Event"]["EventData"]["TargetUserName"] for position, event in events.items()}


def test_a_made_log_is_read() -> None:
    reading = read_all(EVTX, made_log(*(made_event(user) for user in USERS)))
    assert users(reading.events) == {1: "nurse", 2: "porter", 3: None}
    assert not reading.bad


def test_blocks_hold_many_chunks_and_positions_run_on() -> None:
    log = made_log(*(made_event(user) for user in USERS))
    many = log[:42] + struct.pack("<H", 40) + log[44:] + log[4096:] * 39
    assert len(list(EVTX.split(Sips(many, 1000)))) == 3
    reading = read_all(EVTX, many)
    assert list(reading.events) == list(range(1, 121))


NURSE, PORTER = (made_log(made_event(user)) for user in ("nurse", "porter"))
PAGE = 4096


@pytest.mark.parametrize("unused", [0, 3])
def test_logs_put_one_behind_the_other_are_all_read(unused: int) -> None:
    reading = read_all(EVTX, Sips((NURSE + bytes(unused * CHUNK)) + PORTER + NURSE, 50_000))
    assert users(reading.events) == {1: "nurse", 2: "porter", 3: "nurse"}
    assert not reading.lost
    assert reading.notes == ["another log begins behind the one before it; it is read too"] * 2


def test_each_of_two_logs_is_held_against_its_own_header() -> None:
    cut, short = (log[:42] + struct.pack("<H", 3) + log[44:] for log in (NURSE, PORTER))
    reading = read_all(EVTX, cut + short)
    assert [bad.reason.partition(" chunks")[0] for bad in reading.bad if "of the" in bad.reason] == [
        "the log ends after 1 of the 3"
    ] * 2


def test_a_second_log_without_its_header_is_read_and_told() -> None:
    reading = read_all(EVTX, NURSE + b"A" * PAGE + PORTER[PAGE:])
    assert set(users(reading.events).values()) == {"nurse", "porter"}
    assert reading.lost == [(2, 1)]


def test_the_beginning_of_a_log_written_over_a_chunk_costs_no_more_than_the_next() -> None:
    whole = NURSE[:42] + struct.pack("<H", 6) + NURSE[44:] + NURSE[PAGE:] * 5
    damaged = whole[: PAGE + CHUNK] + PORTER[:CHUNK] + whole[PAGE + 2 * CHUNK :]
    reading = read_all(EVTX, damaged)
    assert list(users(reading.events).values()) == ["nurse", "porter", "nurse", "nurse", "nurse"]
    assert reading.lost


@pytest.mark.parametrize("loop", [(0, 0), (0, 1), (1, 0)])
def test_a_table_of_names_that_runs_in_a_circle_is_left_aside(loop: tuple[int, int]) -> None:
    log = bytearray(made_log(*(made_event(user) for user in USERS)))
    names = [log.index(f"{name}\0".encode("utf-16-le")) - 4096 - 8 for name in ("Event", "System")]
    struct.pack_into("<64I", log, 4096 + 128, *(names * 32))
    struct.pack_into("<I", log, 4096 + names[0], names[loop[0]])
    struct.pack_into("<I", log, 4096 + names[1], names[loop[1]])
    assert users(read_all(EVTX, bytes(log)).events) == {1: "nurse", 2: "porter", 3: None}


def test_a_name_written_out_a_thousand_times_is_stopped() -> None:
    name = "A" * 8000
    repeated: list[Element] = [(name, "")] * 1500
    reading = read_all(EVTX, made_log(made_event("nurse"), repeated, repeated, made_event("porter")))
    assert users(reading.events) == {1: "nurse"}
    assert reading.lost == [(2, 1), (3, 1), (4, 1)]
    assert "holds no event" in reading.bad[0].reason
    assert "more than 16 MiB" in reading.bad[1].reason


class Panic(BaseException):
    """Stands for the panic of a Rust extension, which is no Exception."""


class Faulty:
    """A parser of whose records some raise."""

    def __init__(self, *outcomes: BaseException | str) -> None:
        self.outcomes = outcomes

    def __call__(self, _file: object, _threads: int) -> Faulty:
        """Stand in for the parser's constructor."""
        return self

    def records_json(self) -> Iterator[dict[str, str]]:
        return Outcomes(self.outcomes)


class Outcomes(Iterator[dict[str, str]]):
    """Gives or raises one outcome after another, as the parser goes on after an error."""

    def __init__(self, outcomes: tuple[BaseException | str, ...]) -> None:
        self.outcomes = iter(outcomes)

    def __next__(self) -> dict[str, str]:
        """Give or raise the next outcome."""
        outcome = next(self.outcomes)
        if isinstance(outcome, BaseException):
            raise outcome
        return {"data": outcome}


GOOD = '{"Event": {"System": {}}}'


@pytest.mark.parametrize(
    ("outcomes", "good"),
    [
        ((GOOD, RuntimeError("damaged"), GOOD), [1, 3]),
        ((GOOD, Panic("index out of bounds"), GOOD), [1]),
        ((GOOD, GOOD), [1, 2]),
        ((GOOD, '{"Event": ' + "[" * 5000, GOOD), [1, 3]),
        ((GOOD, "[]", GOOD), [1, 3]),
    ],
)
def test_what_the_parser_raises_costs_no_more_than_it_must(
    monkeypatch: pytest.MonkeyPatch, outcomes: tuple[BaseException | str, ...], good: list[int]
) -> None:
    monkeypatch.setattr(evtx_parser, "PyEvtxParser", Faulty(*outcomes))
    reading = read_all(EVTX, made_log(*(made_event(user) for user in USERS)))
    assert list(reading.events) == good
    assert [position for position, _ in reading.lost] == [number for number in (1, 2, 3) if number not in good]


def test_a_parser_that_fails_for_ever_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Faulty):
        def records_json(self) -> Iterator[dict[str, str]]:
            return Outcomes((RuntimeError("again"),) * 10_000_000)

    monkeypatch.setattr(evtx_parser, "PyEvtxParser", Endless())
    assert len(read_all(EVTX, made_log(made_event("nurse"))).bad) == 1


def test_stopping_by_hand_is_no_fault_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evtx_parser, "PyEvtxParser", Faulty(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        read_all(EVTX, made_log(made_event("nurse")))


def test_a_chunk_made_by_hand_fits() -> None:
    assert len(made_chunk(made_event("nurse"))) == CHUNK
