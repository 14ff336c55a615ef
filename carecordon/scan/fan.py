"""Blocks of files spread over processes: each worker reads, detects and watches on its own.

The parent hands out one block at a time a worker (two waiting at most), so memory is
bounded and a slow block holds up nobody else. A worker that dies takes down only the block
it had: that is told, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

from carecordon.model.block import Block

WAITING = 2
"""Blocks a worker may have been handed and not answered."""


@dataclass(frozen=True, slots=True)
class Task:
    """A block and its place: the source's number and the block's number in it."""

    source: int
    number: int
    block: Block


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker died over this block."""

    task: Task


@dataclass(slots=True)
class _Hand:
    """A worker as the parent sees it."""

    process: BaseProcess
    pipe: Connection
    tasks: deque[Task]


class Fan:
    """Runs `make()(task)` over tasks, in this process (cores = 1) or in `cores` others.

    `make` is called once a worker and must be importable; answers come in any order.
    """

    def __init__(self, make: Callable[[], Callable[[Any], Any]], cores: int) -> None:
        """Start the workers: as copies of one made here where the system can fork, else each from scratch."""
        can_fork = "fork" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("fork" if can_fork else "spawn")
        self._work: Callable[[Any], Any] | None = None
        self._make = make
        if cores <= 1 or can_fork:
            work = make()
            self._make = lambda: work
            self._work = work if cores <= 1 else None
        self._hands = [self._start() for _ in range(cores)] if cores > 1 else []

    def run(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """Yield the answers of all tasks, and Lost for those whose worker died."""
        if self._work is not None:
            yield from map(self._work, tasks)
            return
        for task in tasks:
            while (hand := self._idle()) is None:
                yield from self._collect()
            hand.tasks.append(task)
            try:
                hand.pipe.send(task)
            except OSError:
                yield from self._bury(hand)
        while any(hand.tasks for hand in self._hands):
            yield from self._collect()

    def finish(self) -> Iterator[Any]:
        """Yield each worker's last word (`make()(None)`) and let them go."""
        if self._work is not None:
            yield self._work(None)
            return
        for hand in self._hands:
            try:
                hand.pipe.send(None)
                yield hand.pipe.recv()
            except (OSError, EOFError):
                continue
            finally:
                hand.pipe.close()
                hand.process.join()

    def stop(self) -> None:
        """End the workers at once, whatever they are doing."""
        for hand in self._hands:
            hand.process.terminate()
            hand.process.join()

    def _start(self) -> _Hand:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._make), daemon=True)
        process.start()
        theirs.close()
        return _Hand(process, ours, deque())

    def _idle(self) -> _Hand | None:
        hand = min(self._hands, key=lambda hand: len(hand.tasks))
        return hand if len(hand.tasks) < WAITING else None

    def _collect(self) -> Iterator[Any]:
        """Wait for at least one answer and yield what is there."""
        busy = {hand.pipe: hand for hand in self._hands if hand.tasks}
        for pipe in wait(list(busy)):
            hand = busy[pipe]  # type: ignore[index]  # wait returns the very objects it was given
            try:
                answer = hand.pipe.recv()
            except (EOFError, OSError):
                yield from self._bury(hand)
                continue
            hand.tasks.popleft()
            yield answer

    def _bury(self, hand: _Hand) -> Iterator[Lost]:
        """Report the first task of a dead worker as lost and give its other tasks to a new one."""
        hand.process.join()
        hand.pipe.close()
        new = self._start()
        self._hands[self._hands.index(hand)] = new
        if hand.tasks:
            yield Lost(hand.tasks.popleft())
        for task in hand.tasks:
            new.tasks.append(task)
            new.pipe.send(task)


def _serve(pipe: Connection, make: Callable[[], Callable[[Any], Any]]) -> None:
    """Answer tasks until told to stop: the worker's whole life.

    A thread takes tasks off the pipe at all times, so that parent and worker never wait for
    each other to read.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tasks: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    work = make()
    while True:
        task = tasks.get()
        if isinstance(task, EOFError):
            return
        pipe.send(work(task))
        if task is None:
            return


def _receive(pipe: Connection, tasks: SimpleQueue[Any]) -> None:
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            tasks.put(EOFError())
            return
        tasks.put(task)
        if task is None:
            return
