"""What comes through a pipe, in whatever pieces, gives each of its lines once, as soon as it is whole."""

from __future__ import annotations

from queue import Queue
from threading import Event

import pytest

from carecordon.agent.follow import MAX_LINE, PIECE
from carecordon.agent.piped import Piped, lines
from carecordon.model.block import Bad, Block
from carecordon.pipeline.ingest.stream import take


class Pipe:
    """A pipe that a test writes to."""

    def __init__(self, *pieces: bytes) -> None:
        self.coming: Queue[bytes] = Queue()
        self.stop = Event()
        for piece in pieces:
            self.coming.put(piece)

    def piped(self) -> Piped:
        return Piped(lambda _: self.coming.get(), self.stop.is_set)


def told(piped: Piped) -> list[str]:
    return [line for one in lines(piped) if isinstance(one, Block) for line in one.data.decode().splitlines()]


def test_whole_lines_come_while_the_pipe_is_open_and_a_half_one_waits() -> None:
    pipe = Pipe(b"one\ntw")
    coming = lines(pipe.piped())
    assert next(coming) == Block("jsonlines", b"one\n")
    pipe.coming.put(b"o\nthree")
    assert next(coming) == Block("jsonlines", b"two\n")
    pipe.coming.put(b"")
    assert list(coming) == [Block("jsonlines", b"three")]


def test_who_is_stopped_gets_what_has_come_by_then_and_waits_no_longer() -> None:
    pipe = Pipe(b"one\n", b"two\n", b"thr")
    pipe.stop.set()
    assert told(pipe.piped()) == ["one", "two", "thr"]


def test_a_mark_at_the_beginning_and_utf_16_are_no_part_of_a_line() -> None:
    text = "one\ntwö\n"
    for data in (b"\xef\xbb\xbf" + text.encode(), b"\xff\xfe" + text.encode("utf-16-le")):
        pieces = (data[at : at + 1] for at in range(len(data)))
        assert told(Pipe(*pieces, b"").piped()) == ["one", "twö"]


def test_a_line_without_measure_is_told_and_passed_over() -> None:
    piece = bytes(1 << 20)
    came = list(lines(Pipe(b"one\n", *[piece] * ((MAX_LINE >> 20) + 3), b"-\ntwo\n", b"three\n", b"").piped()))
    assert b"".join(one.data for one in came if isinstance(one, Block)) == b"one\ntwo\nthree\n"
    assert [one.count for one in came if isinstance(one, Bad)] == [1]


class Ready(Piped):
    """A pipe of which more is always there, and be it the end."""

    is_ready = True


@pytest.mark.parametrize("rest", [b"", b"three"])
def test_the_rest_of_a_line_without_measure_is_no_line_where_the_end_has_come_too(rest: bytes) -> None:
    """Nobody waits for more, so that nothing is looked at before the end."""
    coming = iter([b"one\n", *[bytes(PIECE)] * (MAX_LINE // PIECE + 2), b"-\n", b"two\n", rest])
    came = list(lines(Ready(lambda _: next(coming, b""), lambda: False)))
    assert b"".join(one.data for one in came if isinstance(one, Block)) == b"one\ntwo\n" + rest
    assert [one.count for one in came if isinstance(one, Bad)] == [1]


def test_what_was_looked_at_can_be_given_back_and_a_fault_ends_it() -> None:
    def read(_: int) -> bytes:
        if not waiting:
            raise OSError(5, "no")
        return waiting.pop()

    waiting = [b"two\n", b"one\n"]
    piped = Piped(read, lambda: False)
    piped.give_back(take(piped, 6))
    assert told(piped) == ["one", "two"]
    assert "no" in (piped.fault or "")
