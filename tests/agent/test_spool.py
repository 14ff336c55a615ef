"""What is in a spool stays in it until the hub has it, in order and whole, whatever happens to the process."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank
from carecordon.agent.spool import Spool
from carecordon.model.errors import OurFault
from tests.agent.spooling import TELL, Make, batch, everything, kill, put, tables, told


def test_what_goes_in_comes_out_in_order_of_numbers_over_all_classes(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    ranks = [Rank.FILE, Rank.PROCESS, Rank.NETWORK, Rank.PROCESS, Rank.ORDERS, Rank.FILE]
    parts = [put(spool, count=1 + place, rank=rank, text=f"part {place}") for place, rank in enumerate(ranks)]
    found = everything(spool)
    assert [(one.first, one.last, one.data) for one in found] == [(one.first, one.last, one.data) for one in parts]
    assert [one.first for one in found] == [0, 1, 3, 6, 10, 15]
    assert spool.next == spool.pending == 21


def test_several_parts_of_one_append_follow_one_another_or_nothing_is_kept(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    spool.append([Part(Rank.FILE, 0, 1, batch(0, 2)), Part(Rank.PROCESS, 2, 2, batch(2, 1))])
    assert [one.first for one in everything(spool)] == [0, 2]
    with pytest.raises(OurFault):
        spool.append([Part(Rank.FILE, 4, 4, batch(4, 1))])
    assert spool.next == 3


def test_a_new_process_finds_what_was_there_and_counts_on(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    first = put(spool, 3)
    spool.close()
    again = make(tmp_path, epochs=[99])
    second = put(again, 2)
    assert (again.epoch, second.first) == (1, 3)
    assert [one.data for one in everything(again)] == [first.data, second.data]


def test_a_process_that_was_killed_leaves_everything_that_append_returned_from(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    put(spool, 3)
    kill(spool)
    again = make(tmp_path, epochs=[99])
    assert (again.epoch, again.next, again.pending) == (1, 3, 3)


def test_only_one_process_has_a_spool(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    with pytest.raises(BlockingIOError):
        make(tmp_path)
    spool.close()
    make(tmp_path).close()


def test_reading_goes_on_behind_a_number_and_gives_no_more_than_asked_for(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    parts = [put(spool, 2) for _ in range(5)]
    size = len(parts[0].data)
    assert [one.first for one in spool.read(1, 3, size * 2 + 50)] == [4, 6]
    assert [one.first for one in spool.read(1, -1, 1)] == [0]
    assert spool.read(1, 9, 1 << 20) == []
    assert [one.first for one in spool.read(1, 4, 1)] == [4], "a part whose end was not sent comes whole"


def test_what_is_acknowledged_goes_and_never_comes_back(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path, limit_bytes=300_000)
    for place in range(40):
        put(spool, 1, Rank(1 + place % 3), size=2_000)
    assert spool.size_bytes > 60_000
    spool.ack(1, 19)
    assert [one.first for one in everything(spool)] == list(range(20, 40))
    spool.ack(1, 10)
    spool.ack(1, 39)
    assert (spool.pending, spool.acked_total, everything(spool)) == (0, 40, [])
    assert spool.size_bytes < 50_000
    spool.close()
    again = make(tmp_path, limit_bytes=300_000, epochs=[99])
    assert (again.epoch, again.next, again.pending) == (1, 40, 0)


def test_a_count_is_never_forgotten_though_everything_was_acknowledged(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path, limit_bytes=131_072)
    for number in range(200):
        put(spool, 1, Rank(1 + number % 3), size=1_000)
        spool.ack(1, number)
        if number % 10 == 0:
            kill(spool)
            spool = make(tmp_path, limit_bytes=131_072, epochs=[99])
            assert (spool.epoch, spool.next) == (1, number + 1)


def test_numbers_of_an_old_epoch_are_carried_before_those_of_the_new(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    put(spool, 3, text="old")
    spool._begin_anew()
    put(spool, 2, text="new")
    assert (spool.epoch, spool.carried, spool.next) == (2, 1, 2)
    assert [one.last for one in everything(spool)] == [2]
    assert spool.given(1) > 1_000_000
    spool.close()
    spool = make(tmp_path, epochs=[99])
    assert (spool.epoch, spool.carried) == (2, 1)
    spool.ack(1, 2)
    assert spool.carried == 2
    assert [one.last for one in everything(spool)] == [1]


def test_what_is_left_of_a_count_gets_new_numbers_in_a_new_epoch(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    for _ in range(3):
        put(spool, 4)
    spool.ack(1, 3)
    spool.renumber(1)
    found = everything(spool)
    assert (spool.epoch, spool.carried, spool.next, spool.pending) == (2, 2, 8, 8)
    assert [(one.epoch, one.first, one.last) for one in found] == [(2, 0, 3), (2, 4, 7)]
    assert [list(table.sequence) for table in tables(found)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert dict(tables(found)[0].complete(2))["CommandLine"] == "whoami 2"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 3), st.integers(1, 4)),
            st.tuples(st.just("ack"), st.integers(0, 60), st.just(0)),
            st.tuples(st.just("kill"), st.just(0), st.just(0)),
            st.tuples(st.just("fork"), st.just(0), st.just(0)),
        ),
        max_size=40,
    )
)
def test_whatever_happens_each_event_is_there_until_it_is_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    epochs = iter(range(1, 1_000))
    spool = Spool(folder, TELL, 1 << 20, lambda: next(epochs))
    expected: list[tuple[int, bytes]] = []
    """Number of the present epoch and what stands there."""
    texts = 0
    for act, one, two in acts:
        if act == "put":
            texts += 1
            part = put(spool, two, Rank(one), text=f"text {texts}")
            expected += [(number, b"text %d " % texts) for number in range(part.first, part.last + 1)]
        elif act == "ack":
            mark = min(one, spool.next - 1)
            kept = [item.last for item in spool.read(spool.epoch, -1, 1 << 20)]
            whole = max((last for last in kept if last <= mark), default=-1)
            spool.ack(spool.epoch, whole)
            expected = [item for item in expected if item[0] > whole]
        elif act == "kill":
            kill(spool)
            spool = Spool(folder, TELL, 1 << 20, lambda: next(epochs))
        else:
            spool.renumber(spool.epoch)
            expected = [(number, text) for number, (_, text) in enumerate(expected)]
    found = [
        (int(table.sequence[row]), str(dict(table.complete(row))["CommandLine"]).encode())
        for table in tables(everything(spool, spool.epoch))
        for row in range(len(table))
    ]
    assert [number for number, _ in found] == [number for number, _ in expected]
    assert all(text in line for (_, line), (_, text) in zip(found, expected, strict=True))
    assert not told(everything(spool))
    spool.close()
