"""However many processes share the blocks, every block has one answer, and a death costs one block only."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

import pytest

from carecordon.model.block import Block
from carecordon.scan import fan as fan_module
from carecordon.scan import hand as hand_module
from carecordon.scan.fan import Fan
from carecordon.scan.hand import LARGE, WAITING, WAITING_LARGE, Hand, Lost, Task

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
CORES = [1, 2, 3]


class Echo:
    """A worker that answers with the task itself, and counts; `deadly` tasks kill it in processes of its own only."""

    def __init__(self, deadly: frozenset[int] = frozenset(), faulty: frozenset[int] = frozenset()) -> None:
        self.count = 0
        self.deadly = deadly
        self.faulty = faulty

    def __call__(self, task: Task | None) -> Any:
        if task is None:
            return self.count
        if task.number in self.deadly and multiprocessing.parent_process() is not None:
            os._exit(9)
        if task.number in self.faulty:
            raise ValueError("made up")
        self.count += 1
        return task.source, task.number, task.block


def tasks(count: int, data: Callable[[int], bytes] = lambda number: b"%d" % number * number) -> Iterator[Task]:
    return (
        Task(number % 3, number, Block("jsonlines", data(number), b"head" * (number % 2))) for number in range(count)
    )


def run(fan: Fan, given: Iterator[Task]) -> tuple[list[Any], list[Any]]:
    """Return the answers and the last words."""
    try:
        return list(fan.run(given)), list(fan.finish())
    finally:
        fan.stop()


def in_order(answers: list[Any]) -> list[Any]:
    return sorted(answers, key=lambda answer: answer[1])


@pytest.mark.parametrize("cores", CORES)
def test_every_block_is_answered_whole(cores: int) -> None:
    answers, words = run(Fan(Echo, cores), tasks(60))
    assert in_order(answers) == [(task.source, task.number, task.block) for task in tasks(60)]
    assert sum(words) == 60
    assert len(words) == cores


@pytest.mark.parametrize("cores", CORES)
def test_blocks_too_large_to_share_arrive_too(cores: int) -> None:
    def data(number: int) -> bytes:
        return bytes([number]) * (LARGE + 1 if number % 3 == 0 else LARGE - 4)

    answers, _ = run(Fan(Echo, cores), tasks(9, data))
    assert in_order(answers) == [(task.source, task.number, task.block) for task in tasks(9, data)]


@pytest.mark.parametrize(
    ("block_bytes", "taken"),
    [(10, WAITING), (LARGE // 8, 8), (LARGE, WAITING_LARGE), (LARGE + 1, 1)],
)
def test_a_worker_takes_many_small_blocks_or_few_large_ones(block_bytes: int, taken: int) -> None:
    hand = Hand(multiprocessing.get_context("fork"), Echo)
    given = [Task(0, number, Block("jsonlines", bytes([number]) * block_bytes)) for number in range(2 * WAITING)]
    try:
        for _ in range(3):
            for task in given:
                if not hand.may_take(task):
                    break
                assert hand.give(task)
            assert len(hand.tasks) == taken
            answers: list[Any] = []
            while len(answers) < taken:
                answers += hand.answers()
            assert [answer[1:] for answer in answers] == [(one.number, one.block) for one in given[:taken]]
    finally:
        hand.stop()


@pytest.mark.parametrize("cores", CORES)
def test_no_tasks_give_no_answers(cores: int) -> None:
    answers, words = run(Fan(Echo, cores), tasks(0))
    assert answers == []
    assert words == [0] * cores


@pytest.mark.parametrize("cores", [2, 3])
@pytest.mark.parametrize("deadly", [{0}, {0, 1, 2, 11}, {0, *range(20, 30)}, set(range(30))], ids=len)
def test_a_worker_that_dies_costs_the_block_it_had(cores: int, deadly: set[int]) -> None:
    """The first block always goes to another process; which others do is a matter of time."""
    answers, words = run(Fan(partial(Echo, frozenset(deadly)), cores), tasks(30))
    lost = {answer.task.number for answer in answers if isinstance(answer, Lost)}
    done = {answer[1] for answer in answers if not isinstance(answer, Lost)}
    assert 0 in lost <= deadly
    assert lost | done == set(range(30))
    assert len(answers) == 30
    assert all("died" in answer.reason for answer in answers if isinstance(answer, Lost))
    assert sum(words) <= len(done), "a worker that took over tells only what it saw itself"


@pytest.mark.parametrize("killer", [0, 5, 14])
def test_what_a_worker_had_answered_before_it_died_is_not_lost(killer: int) -> None:
    """All before the deadly block are answered, and none of the answers is asked for, when the worker is found dead."""
    fan = Fan(partial(Echo, frozenset({killer})), 2)
    first = fan._hands[0]._process

    def waiting() -> Iterator[Task]:
        for task in tasks(20):
            yield task
            if task.number == killer:
                first.join()

    answers, _ = run(fan, waiting())
    assert [answer.task.number for answer in answers if isinstance(answer, Lost)] == [killer]
    assert len(answers) == 20


def test_blocks_go_round_the_shared_memory_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_module, "LARGE", 64)
    rng = random.Random(3)
    sizes = [rng.randrange(80) for _ in range(1_500)]
    for cores in (2, 3):
        answers, _ = run(Fan(Echo, cores), tasks(1_500, lambda number: bytes([number % 256]) * sizes[number]))
        wanted = [(one.source, one.number, one.block) for one in tasks(1_500, lambda n: bytes([n % 256]) * sizes[n])]
        assert in_order(answers) == wanted


@pytest.mark.parametrize("cores", CORES)
def test_a_defect_costs_the_block_it_shows_in(cores: int) -> None:
    answers, words = run(Fan(partial(Echo, faulty=frozenset({4, 7})), cores), tasks(20))
    lost = sorted((answer.task.number, answer.reason) for answer in answers if isinstance(answer, Lost))
    assert [number for number, _ in lost] == [4, 7]
    assert all("ValueError: made up" in reason for _, reason in lost)
    assert sum(words) == 18


@pytest.mark.parametrize("cores", [2, 3])
def test_no_more_is_read_ahead_than_workers_can_hold(cores: int) -> None:
    read = 0

    def watched() -> Iterator[Task]:
        nonlocal read
        for task in tasks(150):
            read += 1
            yield task

    fan = Fan(Echo, cores)
    try:
        for answered, _ in enumerate(fan.run(watched()), 1):
            assert read <= answered + cores * WAITING + 1
    finally:
        fan.stop()
    assert read == 150


class Stuck:
    """A worker that never comes back."""

    def __call__(self, task: Task | None) -> Any:
        threading.Event().wait()


def test_stop_ends_workers_whatever_they_do() -> None:
    fan = Fan(Stuck, 3)
    processes = [hand._process for hand in fan._hands]
    for hand, task in zip(fan._hands, tasks(2), strict=True):
        assert hand.give(task)
    assert all(process.is_alive() for process in processes)
    fan.stop()
    assert not any(process.is_alive() for process in processes)
    fan.stop()


def test_where_no_process_can_be_started_the_work_is_done_in_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk, where memory to share is a file."""

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fan_module, "Hand", full)
    answers, words = run(Fan(Echo, 3), tasks(5))
    assert [answer[1] for answer in answers] == list(range(5))
    assert words == [5]
