"""An exchange without a link: what it says at which time, by a clock of the test's own."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from carecordon.agent.exchange import Exchange
from carecordon.wire.messages import Batch, Bye, Credit, Disown, Hello, Ping, Receipt, Welcome
from carecordon.wire.session import DEAD_AFTER_S, NANOSECONDS, WINDOW_BATCHES, Word, read, write
from tests.agent.spooling import Make, batch, put

FREE = Credit(1e9, 0.0)


def opened(folder: Path, make: Make, batches: int, credit: Credit = FREE) -> tuple[Exchange, list[bytes]]:
    """Return an exchange that was welcomed, with what it said upon that."""
    spool = make(folder)
    for _ in range(batches):
        put(spool)
    exchange = Exchange(spool, "1.0", "ward-pc-07", "Linux", 0)
    (hello,) = exchange.begin()
    said = read(hello)
    assert isinstance(said, Hello)
    assert (said.epoch, said.next) == (1, batches)
    return exchange, exchange.hear(write(Welcome(1, 5_000, -1, credit)), 10)


def welcomed(folder: Path, make: Make, mark: int, check: int | None) -> tuple[Exchange, list[Word]]:
    """Return an exchange with batches 0-1, 2-3, 4-5 whose hub says what it holds, and what it said upon that."""
    spool = make(folder, epochs=[1, 2])
    for _ in range(3):
        put(spool, 2)
    exchange = Exchange(spool, "1.0", "ward-pc-07", "Linux", 0)
    exchange.begin()
    return exchange, [read(message) for message in exchange.hear(write(Welcome(1, 5_000, mark, FREE, check)), 10)]


@pytest.mark.parametrize(("mark", "is_own"), [(3, True), (3, False), (2, True)], ids=["own", "another's", "cut"])
def test_only_what_ends_as_our_own_does_is_taken_for_acknowledged(
    tmp_path: Path, make: Make, mark: int, is_own: bool
) -> None:
    own = zlib.crc32(batch(2, 2))
    exchange, said = welcomed(tmp_path / "spool", make, mark, own if is_own else own ^ 1)
    if (mark, is_own) == (3, True):
        assert [word.first for word in said if isinstance(word, Batch)] == [4]
        assert exchange.ended is None
        return
    assert said == [Disown()]
    assert exchange.ended is not None
    again = Exchange(exchange._queue, "1.0", "ward-pc-07", "Linux", 0)
    (hello,) = map(read, again.begin())
    assert isinstance(hello, Hello)
    assert (hello.epoch, hello.next) == (2, 6), "everything that waits has a new count"


@pytest.mark.parametrize("mark", [-1, 3, 5])
def test_where_the_hub_does_not_know_what_its_mark_ends_the_mark_counts(tmp_path: Path, make: Make, mark: int) -> None:
    exchange, said = welcomed(tmp_path / "spool", make, mark, None)
    assert [word.first for word in said if isinstance(word, Batch)] == [first for first in (0, 2, 4) if first > mark]
    assert exchange.ended is None


def firsts(messages: list[bytes]) -> list[int]:
    return [word.first for word in map(read, messages) if isinstance(word, Batch)]


def test_no_more_is_under_way_than_the_window_holds_and_each_receipt_makes_room(tmp_path: Path, make: Make) -> None:
    exchange, said = opened(tmp_path, make, 20)
    assert firsts(said) == list(range(WINDOW_BATCHES))
    assert exchange.pump(20) == []
    assert firsts(exchange.hear(write(Receipt(1, 2, FREE)), 30)) == [8, 9, 10]
    assert exchange.clock_ahead == 4_990


def test_credit_holds_the_next_batch_back_for_as_long_as_it_says(tmp_path: Path, make: Make) -> None:
    exchange, said = opened(tmp_path, make, 3, Credit(1e6, 2.0))
    assert firsts(said) == []
    assert 1.9 < exchange.wait_s(10) <= 2.0
    assert exchange.pump(NANOSECONDS) == []
    assert firsts(exchange.pump(2 * NANOSECONDS + 20)) == [0]
    assert firsts(exchange.pump(3 * NANOSECONDS)) == []
    assert firsts(exchange.pump(5 * NANOSECONDS)) == [1]


def test_a_link_that_carries_nothing_any_more_is_seen_within_ninety_seconds(tmp_path: Path, make: Make) -> None:
    exchange, _ = opened(tmp_path, make, 0)
    now, said = 10, []
    while exchange.ended is None:
        now += int(exchange.wait_s(now) * NANOSECONDS) + 1
        said += [(now, read(message)) for message in exchange.pump(now)]
        assert now < 90 * NANOSECONDS
    assert [type(word) for _, word in said][:1] == [Ping]
    assert now >= DEAD_AFTER_S * NANOSECONDS


def test_who_leaves_says_so_once(tmp_path: Path, make: Make) -> None:
    exchange, _ = opened(tmp_path, make, 0)
    (bye,) = exchange.leave("the device goes")
    assert isinstance(read(bye), Bye)
    assert exchange.leave("again") == []
    assert exchange.hear(bye, 50) == []
