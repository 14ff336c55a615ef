"""Workers: every task is answered once, and a block that raises or kills its worker takes nothing else with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from carecordon.model.block import Block
from carecordon.scan.fan import DIED, Fan
from carecordon.scan.hand import SLOT_BYTES, Lost, Task


def measuring() -> Callable[[Any], Any]:
    """Return work that tells of each block what came over: its number, its size, its last bytes, its context."""
    done: list[int] = []

    def work(task: Task | None) -> Any:
        if task is None:
            return done
        data = task.block.data
        if data == b"die":
            os._exit(9)
        if data == b"raise":
            raise ValueError("as asked")
        done.append(task.number)
        return task.number, len(data), bytes(data[-3:]), task.block.feed, task.block.context

    return work


def tasks(*contents: bytes) -> Iterator[Task]:
    return (Task(0, number, Block("feed", data, b"%d" % number)) for number, data in enumerate(contents))


def run(fan: Fan, *contents: bytes) -> list[Any]:
    found = list(fan.run(tasks(*contents)))
    lost = sorted((one.task.number, one.reason) for one in found if isinstance(one, Lost))
    return [*sorted(one for one in found if not isinstance(one, Lost)), *lost]


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_every_block_arrives_whole_whatever_its_size(cores: int) -> None:
    fan = Fan(measuring, cores)
    sizes = [0, 1, SLOT_BYTES - 1, SLOT_BYTES, SLOT_BYTES + 1, 5 * SLOT_BYTES, *range(10, 40)]
    found = run(fan, *(bytes(size) + b"end" for size in sizes))
    assert found == [(number, size + 3, b"end", "feed", b"%d" % number) for number, size in enumerate(sizes)]
    numbers = [number for done in fan.finish() for number in done]
    assert sorted(numbers) == list(range(len(sizes)))


@pytest.mark.parametrize("cores", [1, 2])
def test_a_block_that_raises_is_lost_and_the_worker_goes_on(cores: int) -> None:
    fan = Fan(measuring, cores)
    *rest, lost = run(fan, b"a", b"raise", *[b"b"] * 20)
    assert lost == (1, "a defect of ours (ValueError: as asked)")
    assert len(rest) == 21
    assert sum(len(done) for done in fan.finish()) == 21


def test_a_block_that_kills_its_worker_takes_nothing_else_with_it() -> None:
    fan = Fan(measuring, 2)
    found = run(fan, *[b"a"] * 9, b"die", *[b"b"] * 9, b"die", bytes(3 * SLOT_BYTES), *[b"c"] * 9)
    assert found[-2:] == [(9, DIED), (19, DIED)]
    assert [one[0] for one in found[:-2]] == [number for number in range(30) if number not in (9, 19)]
    list(fan.finish())


def test_the_only_block_may_be_lost() -> None:
    fan = Fan(measuring, 2)
    assert run(fan, b"die") == [(0, DIED)]
    assert list(fan.finish()) == [[], []]


def test_workers_can_be_stopped_in_the_midst_of_their_work() -> None:
    fan = Fan(measuring, 2)
    answers = fan.run(tasks(*[b"a"] * 50))
    assert next(answers)
    fan.stop()
    assert list(fan.finish()) == []
