"""Blocks of files spread over processes: each reads, detects and watches on its own.

The parent is one of them: it hands out up to 16 blocks at a time, and where every other
process has enough it does the next block itself. So `cores` processes keep `cores` cores
busy, memory is bounded, and a slow block holds up nobody else. A worker that dies takes
down only the block it had: that is told, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

from carecordon.scan.hand import Hand, Lost, Task, attempt

DIED = "the process that read it died"


class Fan:
    """Runs `make()(task)` over tasks, in this process and in `cores` - 1 others.

    `make` is called once a process and must be importable; answers come in any order.
    """

    def __init__(self, make: Callable[[], Callable[[Any], Any]], cores: int) -> None:
        """Start the workers: as copies of this process where the system can fork, else each from scratch."""
        can_fork = "fork" in multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("fork" if can_fork else "spawn")
        work = self._work = make()
        self._make = make
        copy: Callable[[], Callable[[Any], Any]] = (lambda: work) if can_fork else make
        self._hands: list[Hand] = []
        for _ in range(1, cores):
            try:
                self._hands.append(Hand(self._context, copy, self._hands))
            except OSError:  # no memory to share, no room for a process: slower with fewer, but just as whole
                break

    def run(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """Yield the answers of all tasks, and Lost for those that could not be done."""
        for task in tasks:
            hand = self._free(task)
            while hand is None and (answers := list(self._collect(0))):
                yield from answers
                hand = self._free(task)
            if hand is None:
                yield attempt(self._work, task)
            elif not hand.give(task):
                yield from self._replace(hand)
        while any(hand.tasks for hand in self._hands):
            yield from self._collect(None)

    def finish(self) -> Iterator[Any]:
        """Yield the last word of each process (`make()(None)`) and let the others go."""
        yield attempt(self._work, None)
        for hand in self._hands:
            try:
                yield hand.last_word()
            except (OSError, EOFError):
                continue

    def stop(self) -> None:
        """End the workers at once, whatever they are doing."""
        for hand in self._hands:
            hand.stop()

    def _free(self, task: Task) -> Hand | None:
        return min((hand for hand in self._hands if hand.may_take(task)), key=lambda one: len(one.tasks), default=None)

    def _collect(self, timeout_s: float | None) -> Iterator[Any]:
        """Yield the answers that are there, after waiting for one if none is; None waits without end."""
        busy = {hand.pipe: hand for hand in self._hands if hand.tasks}
        for pipe in wait(list(busy), timeout_s):
            hand = busy[pipe]  # type: ignore[index]  # wait returns the very objects it was given
            try:
                answers = hand.answers()
            except (EOFError, OSError):
                yield from self._replace(hand)
            else:
                yield from answers

    def _replace(self, dead: Hand) -> Iterator[Any]:
        """Yield what a dead worker has answered, and give its tasks to a careful one; report the one that died over.

        It is made from scratch: a copy of this process would have seen what this one has seen. Of one that was not
        careful it is not known which task it had: all are done again, by one that will die over that task alone.
        """
        try:
            while dead.tasks:
                yield from dead.answers()
        except (EOFError, OSError):
            pass  # no more of them
        dead.bury()
        new = Hand(self._context, self._make, self._hands, is_careful=True)
        self._hands[self._hands.index(dead)] = new
        if dead.tasks and dead.is_careful:
            yield Lost(dead.tasks.popleft(), DIED)
        for task in dead.tasks:
            new.give(task)
