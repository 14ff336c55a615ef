"""Blocks of files spread over processes: each worker reads, detects and watches on its own.

The parent hands out a few blocks at a time, so memory is bounded and a slow block holds up
nobody else. A worker that dies takes down only the block it had: that is told, and another
takes its place.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

from carecordon.scan.hand import Hand, Lost, Task, attempt


DIED = "the process that read it died"


class Fan:
    """Runs `make()(task)` over tasks, in this process (cores = 1) or in `cores` others.

    `make` is called once a worker and must be importable; answers come in any order.
    """

    def __init__(self, make: Callable[[], Callable[[Any], Any]], cores: int) -> None:
        """Start the workers: as copies of one made here where the system can fork, else each from scratch."""
        can_fork = "fork" in multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("fork" if can_fork else "spawn")
        self._work: Callable[[Any], Any] | None = None
        self._make = make
        if cores <= 1 or can_fork:
            work = make()
            self._make = lambda: work
            self._work = work if cores <= 1 else None
        self._hands = [self._start() for _ in range(cores)] if cores > 1 else []

    def run(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """Yield the answers of all tasks, and Lost for those that could not be done."""
        if self._work is not None:
            yield from (attempt(self._work, task) for task in tasks)
            return
        for task in tasks:
            while (hand := self._free(task)) is None:
                yield from self._collect()
            if not hand.give(task):
                yield from self._replace(hand)
        while any(hand.tasks for hand in self._hands):
            yield from self._collect()

    def finish(self) -> Iterator[Any]:
        """Yield each worker's last word (`make()(None)`) and let them go."""
        if self._work is not None:
            yield attempt(self._work, None)
            return
        for hand in self._hands:
            try:
                yield hand.last_word()
            except (OSError, EOFError):
                continue

    def stop(self) -> None:
        """End the workers at once, whatever they are doing."""
        for hand in self._hands:
            hand.stop()

    def _start(self) -> Hand:
        return Hand(self._context, self._make)

    def _free(self, task: Task) -> Hand | None:
        hand = min(self._hands, key=lambda hand: len(hand.tasks))
        return hand if hand.may_take(task) else None

    def _collect(self) -> Iterator[Any]:
        """Wait for at least one answer and yield what is there."""
        busy = {hand.pipe: hand for hand in self._hands if hand.tasks}
        for pipe in wait(list(busy)):
            hand = busy[pipe]  # type: ignore[index]  # wait returns the very objects it was given
            try:
                answer = hand.answer()
            except (EOFError, OSError):
                yield from self._replace(hand)
            else:
                yield answer

    def _replace(self, dead: Hand) -> Iterator[Lost]:
        """Report the first task of a dead worker as lost and give its other tasks to a new one."""
        dead.bury()
        new = self._start()
        self._hands[self._hands.index(dead)] = new
        if dead.tasks:
            yield Lost(dead.tasks.popleft(), DIED)
        for task in dead.tasks:
            new.give(task)
