"""A spool that is full: what is worth least goes first, oldest first, and exactly what went is told."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from carecordon.agent.lane import Lane
from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank
from carecordon.agent.segment import Name
from carecordon.agent.spool import Spool
from tests.agent.spooling import Make, batch, everything, kill, put, tables, told

LIMIT = 150_000


def test_the_lowest_class_goes_first_oldest_first_and_is_counted(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path, LIMIT)
    for number in range(96):
        put(spool, 2, Rank(number % 4), text=f"P{number % 4}", size=1_500)
    kept = everything(spool)
    losses = told(kept)
    assert spool.size_bytes <= LIMIT + 10_000
    assert {one["Class"] for one in losses} == {"P3"}
    lost = sum(one["Events"] for one in losses)
    assert lost + sum(map(len, tables(kept))) - len(losses) == 192
    assert lost == spool.dropped_total > 0
    files = [table for table in tables(kept) if str(table.complete(0).get("CommandLine")).startswith("P3")]
    firsts = [int(table.sequence[0]) for table in files]
    assert min(firsts) > max(one["LastNumber"] for one in losses), "the oldest went first"


def test_when_only_dear_events_are_left_new_cheap_ones_go_and_are_counted_even_over_a_crash(
    tmp_path: Path, make: Make
) -> None:
    spool = make(tmp_path, LIMIT)
    while spool.size_bytes < LIMIT - 4_000:
        put(spool, 1, Rank.PROCESS, size=1_500)
    dear = len(everything(spool))
    for _ in range(50):
        put(spool, 3, Rank.FILE, size=1_500)
    numbered = spool.next
    kill(spool)
    again = make(tmp_path, LIMIT, epochs=[99])
    assert again.epoch == 1
    assert again.next >= numbered, "numbers of what was turned away are not used again"
    kept = everything(again)
    losses = told(kept)
    files = sum(one.last - one.first + 1 for one in kept if one.last - one.first == 2)
    assert sum(one["Events"] for one in losses if one["Class"] == "P3") + files == 150
    assert sum(1 for one in kept if one.first == one.last) - len(losses) == dear


def _fill(spool: Spool, rank: Rank) -> NoReturn:
    while True:
        put(spool, 1, rank, size=1_500)


def test_orders_are_never_dropped_and_what_there_is_no_room_for_is_not_taken(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path, LIMIT)
    put(spool, 1, Rank.PROCESS, size=1_500)
    with pytest.raises(OSError, match="must not be dropped") as caught:
        _fill(spool, Rank.ORDERS)
    assert caught.value.errno == errno.ENOSPC
    number = spool.next
    kept = everything(spool)
    assert [one["Class"] for one in told(kept)] == ["P1"]
    assert [one.first for one in kept] == list(range(1, number))
    spool.ack(1, number - 1)
    put(spool, 1, Rank.ORDERS, size=1_500)
    assert spool.pending >= 1


def test_a_full_disk_is_no_loss_while_something_cheaper_can_go(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make(tmp_path, 1 << 20)
    for _ in range(40):
        put(spool, 1, Rank.FILE, size=1_500)
    write = Lane.write

    def full(lane: Lane, first: int, last: int, data: bytes) -> None:
        if sum(path.stat().st_size for path in tmp_path.glob("*.seg")) > 100_000:
            lane._file = lane._file or lane.segments[-1].path.open("ab", buffering=0)
            lane._file.write(b"half of a rec")  # a real disk takes a part before it is full
            raise OSError(errno.ENOSPC, "no space left")
        write(lane, first, last, data)

    monkeypatch.setattr(Lane, "write", full)
    for _ in range(40):
        put(spool, 1, Rank.PROCESS, size=1_500)
    monkeypatch.undo()
    kept = everything(spool)
    assert sum(one["Events"] for one in told(kept)) == spool.dropped_total > 0
    assert len(kept) - len(told(kept)) + spool.dropped_total == 80
    kill(spool)
    again = make(tmp_path, epochs=[99])
    assert (again.epoch, everything(again)) == (1, kept)


def test_what_a_failing_disk_did_not_take_is_as_if_it_had_never_been(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make(tmp_path)
    put(spool, 2)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(Lane, "sync", broken)
    with pytest.raises(OSError, match="input/output"):
        spool.append([Part(Rank.PROCESS, 2, 3, batch(2, 2, "gone")), Part(Rank.FILE, 4, 4, batch(4, 1, "gone"))])
    monkeypatch.undo()
    assert (spool.next, spool.pending) == (2, 2)
    put(spool, 1, text="kept")
    kill(spool)
    again = make(tmp_path, epochs=[99])
    assert [(one.first, one.last) for one in everything(again)] == [(0, 1), (2, 2)]
    assert again.epoch == 1


def test_where_even_taking_back_fails_the_numbers_are_not_used_again(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make(tmp_path)
    put(spool, 2)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(Lane, "sync", broken)
    monkeypatch.setattr(Lane, "back", broken)
    with pytest.raises(OSError, match="input/output"):
        put(spool, 1)
    monkeypatch.undo()
    part = put(spool, 1)
    assert (spool.epoch, part.first, spool.carried) == (2, 0, 1)


def test_who_can_wait_loses_nothing_on_a_full_disk_and_what_the_hub_has_makes_room(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make(tmp_path, 1 << 20)
    spool.is_patient = True
    write, begin = Lane.write, Lane.begin

    def check() -> None:
        if sum(path.stat().st_size for path in tmp_path.glob("*.seg")) > 100_000:
            raise OSError(errno.ENOSPC, "no space left")

    def full(lane: Lane, first: int, last: int, data: bytes) -> None:
        check()
        write(lane, first, last, data)

    def full_too(lane: Lane, name: Name) -> None:
        check()
        begin(lane, name)

    monkeypatch.setattr(Lane, "write", full)
    monkeypatch.setattr(Lane, "begin", full_too)
    with pytest.raises(OSError, match="no space left"):
        _fill(spool, Rank.FILE)
    number = spool.next
    with pytest.raises(OSError, match="no space left"):
        put(spool, 1, Rank.PROCESS, size=1_500)
    assert (spool.dropped_total, spool.next, [one.first for one in everything(spool)]) == (0, number, [*range(number)])
    spool.ack(1, number - 1)
    put(spool, 1, Rank.PROCESS, size=1_500)
    kill(spool)
    again = make(tmp_path, epochs=[99])
    assert (again.epoch, [one.first for one in everything(again)], told(everything(again))) == (1, [number], [])
