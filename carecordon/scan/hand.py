"""One worker process: blocks go over to it in shared memory, so that neither side ever waits for the other to read.

A pipe holds too little for a block: its writer would sleep until the reader, busy with the
block before, comes round to it. So the pipe carries only where a block lies in the memory
that both see; it is large enough for the notes of WAITING blocks.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from carecordon.model.block import Block
from carecordon.model.errors import defect

WAITING = 16
"""Blocks a worker may have been handed and not answered: small files are small blocks, soon read."""
WAITING_LARGE = 3
"""As many it may have of up to LARGE bytes each; more only if all together are no larger than that."""
LARGE = 2 * 1024 * 1024
"""A larger block goes through the pipe, and only to a worker that has nothing else to do."""
HELD, HELD_BYTES = 8, 512 * 1024
"""Answers, and bytes of their blocks, that a worker with more to do sends together: to wake the parent costs time."""


@dataclass(frozen=True, slots=True)
class Task:
    """A block and its place: the source's number and the block's number in it."""

    source: int
    number: int
    block: Block


@dataclass(frozen=True, slots=True)
class Lost:
    """A task without an answer, and why: a defect of ours, or a worker that died over it."""

    task: Task
    reason: str


def attempt(work: Callable[[Any], Any], task: Task | None) -> Any:
    """Return the answer to a task, or Lost where working on it raised: one bad block must not stop the rest."""
    try:
        return work(task)
    except Exception as fault:  # noqa: BLE001  # the edge of the process, per item: whatever it was is told
        if task is None:
            return []
        return Lost(task, defect(fault))


class _Note(NamedTuple):
    """Where in the shared memory a task's block lies: its data, then its context."""

    source: int
    number: int
    feed: str
    start: int
    data_bytes: int
    context_bytes: int


@dataclass(frozen=True, slots=True)
class _Failed:
    """What a worker says of a task that it lost; the parent still has the task."""

    reason: str


class Hand:
    """A worker as the parent sees it. Tasks are answered in the order they were given."""

    def __init__(
        self,
        context: Any,
        make: Callable[[], Callable[[Any], Any]],
        others: Iterable[Hand] = (),
        *,
        is_careful: bool = False,
    ) -> None:
        """Start the process; it answers tasks with what `make()` returns. `others` are the hands that there are.

        `is_careful`: each answer is sent at once, so that of a worker that died it is known which task it had.
        """
        self.is_careful = is_careful
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        self.tasks: deque[Task] = deque()
        self._next = 0
        self._waiting_bytes = 0
        # Blocks lie one behind the other, from the start again where one would not fit at the end. No more than
        # WAITING_LARGE x LARGE bytes wait, first in, first out: with room for one more, none is overwritten.
        memory = context.RawArray("B", (WAITING_LARGE + 1) * LARGE)
        self._memory = memoryview(memory).cast("B")
        is_copy = context.get_start_method() == "fork"
        inherited = [self.pipe, *(other.pipe for other in others)] if is_copy else []
        held_bytes = 0 if is_careful else HELD_BYTES
        given = (theirs, memory, make, inherited, held_bytes)
        self._process = context.Process(target=_serve, args=given, daemon=True)
        self._process.start()
        theirs.close()

    def may_take(self, task: Task) -> bool:
        """Say whether the task can be given without waiting."""
        size, waiting = _size(task.block), len(self.tasks)
        if size > LARGE:
            return not waiting
        return waiting < WAITING_LARGE or (waiting < WAITING and self._waiting_bytes + size <= LARGE)

    def give(self, task: Task) -> bool:
        """Hand the task over; return whether the worker is still there to take it."""
        self.tasks.append(task)
        block, size = task.block, _size(task.block)
        self._waiting_bytes += size
        message: _Note | Task = task
        if size <= LARGE:
            start = self._next if self._next + size <= len(self._memory) else 0
            middle, end = start + len(block.data), start + size
            self._next = end
            self._memory[start:middle] = block.data
            self._memory[middle:end] = block.context
            message = _Note(task.source, task.number, block.feed, start, len(block.data), len(block.context))
        try:
            self.pipe.send(message)
        except OSError:
            return False
        return True

    def answers(self) -> list[Any]:
        """Return the answers to the first tasks that were given. Raises EOFError or OSError if the worker died."""
        found = []
        for one in self.pipe.recv():
            task = self.tasks.popleft()
            self._waiting_bytes -= _size(task.block)
            found.append(Lost(task, one.reason) if isinstance(one, _Failed) else one)
        return found

    def last_word(self) -> Any:
        """Return the worker's last word and let it go. Raises EOFError or OSError if it died."""
        try:
            self.pipe.send(None)
            return self.pipe.recv()
        finally:
            self.bury()

    def bury(self) -> None:
        """Wait for the end of a worker that has nothing more to do, or is dead."""
        self.pipe.close()
        self._process.join()

    def stop(self) -> None:
        """End the worker at once, whatever it is doing."""
        self._process.terminate()
        self._process.join()


def _size(block: Block) -> int:
    return len(block.data) + len(block.context)


def _serve(
    pipe: Connection, memory: Any, make: Callable[[], Callable[[Any], Any]], inherited: list[Any], most_bytes: int
) -> None:
    """Answer tasks until told to stop, or until the parent is gone: the worker's whole life.

    Answers to blocks of `most_bytes` together are sent at once, fewer when there is nothing else to do.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for one in inherited:  # the parent's ends: held open here too, they would hide that it was killed
        one.close()
    view = memoryview(memory).cast("B")
    work = make()
    held: list[Any] = []
    held_bytes = 0
    with suppress(EOFError, OSError):
        while True:
            if held and (held_bytes >= most_bytes or len(held) == HELD or not pipe.poll()):
                pipe.send(held)
                held, held_bytes = [], 0
            message = pipe.recv()
            if message is None:
                break
            task = _task(message, view) if isinstance(message, _Note) else message
            answer = attempt(work, task)
            held.append(_Failed(answer.reason) if isinstance(answer, Lost) else answer)
            held_bytes += _size(task.block)
        pipe.send(attempt(work, None))


def _task(note: _Note, view: memoryview) -> Task:
    """Return the task that lies in the shared memory."""
    middle = note.start + note.data_bytes
    data, context = view[note.start : middle], view[middle : middle + note.context_bytes]
    return Task(note.source, note.number, Block(note.feed, bytes(data), bytes(context)))
