"""What every log does, whatever keeps it: a backend's tests subclass `StreamContract` and say how to open one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.errors import OurFault, TheirFault
from carecordon.model.stream import Entry, Lag, Outcome, Part, Published, Stream, Tail
from tests.stream.plain import MANY, NOW, Plain, ack_all, numbers_of, part, pull_all


class Log(Protocol):
    """One log that lies somewhere: each call opens it once more, the first one makes it."""

    def __call__(self, partitions: int = 1) -> Stream:
        """Return the log."""
        ...


PARTS = st.builds(
    lambda sender, epoch, first, more: part(sender, first, first + more, epoch),
    st.sampled_from(["ward-1", "ward-2", "theatre-3"]),
    st.sampled_from([0, 5, (1 << 63) - 1]),
    st.integers(0, 28),
    st.integers(0, 9),
)
STEPS = st.lists(st.lists(PARTS, min_size=1, max_size=4) | st.sampled_from(["reopen", "other", "trim"]), max_size=12)


class StreamContract:
    """The tests; a subclass gives `new_log`, a context in which a new log is there."""

    @staticmethod
    def new_log() -> AbstractContextManager[Log]:
        """Give a log that nobody has opened yet."""
        raise NotImplementedError

    @pytest.fixture
    def log(self) -> Iterator[Log]:
        with self.new_log() as log:
            yield log

    def test_what_is_put_in_comes_out_in_order(self, log: Log) -> None:
        stream = log()
        told = stream.publish([part("a", 0, 4), part("b", 0, 1)], NOW) + stream.publish([part("a", 5, 6)], NOW + 1)
        assert told == [
            Published(Outcome.APPENDED, 0, 4),
            Published(Outcome.APPENDED, 0, 1),
            Published(Outcome.APPENDED, 5, 6),
        ]
        first, second, third = stream.pull(0, 0, MANY)
        assert first == Entry(first.position, NOW, 0, part("a", 0, 4))
        assert second == Entry(first.position, NOW, 0, part("b", 0, 1))
        assert third == Entry(third.position, NOW + 1, 0, part("a", 5, 6))
        assert 0 < first.position < third.position

    def test_nothing_is_published_by_nothing(self, log: Log) -> None:
        stream = log()
        assert stream.publish([], NOW) == []
        assert pull_all(stream) == []

    def test_sent_a_thousand_times_it_is_there_once(self, log: Log) -> None:
        stream = log()
        stream.publish([part("a", 0, 4)], NOW)
        told = stream.publish([part("a", 0, 4)] * 999 + [part("a", 2, 3)], NOW)
        assert set(told) == {Published(Outcome.ALREADY, 5, 4)}
        assert numbers_of(pull_all(stream)) == {("a", 7): [0, 1, 2, 3, 4]}

    def test_duplicates_in_one_call_count_once(self, log: Log) -> None:
        stream = log()
        told = stream.publish([part("a", 0, 4), part("a", 0, 4), part("a", 3, 6), part("a", 7, 7)], NOW)
        assert [(one.outcome, one.expected, one.mark) for one in told] == [
            (Outcome.APPENDED, 0, 4),
            (Outcome.ALREADY, 5, 4),
            (Outcome.APPENDED, 5, 6),
            (Outcome.APPENDED, 7, 7),
        ]
        assert numbers_of(pull_all(stream)) == {("a", 7): list(range(8))}

    def test_an_overlap_is_skipped(self, log: Log) -> None:
        stream = log()
        stream.publish([part("a", 0, 4)], NOW)
        assert stream.publish([part("a", 3, 9)], NOW) == [Published(Outcome.APPENDED, 5, 9)]
        assert [entry.skip for entry in pull_all(stream)] == [0, 2]

    def test_a_gap_is_told_once_and_what_comes_late_fills_it(self, log: Log) -> None:
        stream = log()
        assert stream.publish([part("a", 10, 19)], NOW) == [Published(Outcome.GAP, 0, 19)]
        assert stream.publish([part("a", 20, 29)], NOW) == [Published(Outcome.APPENDED, 20, 29)]
        assert stream.publish([part("a", 5, 14)], NOW) == [Published(Outcome.APPENDED, 30, 29)]
        assert stream.publish([part("a", 0, 31)], NOW) == [Published(Outcome.APPENDED, 30, 31)]
        assert stream.publish([part("a", 0, 31)], NOW) == [Published(Outcome.ALREADY, 32, 31)]
        assert sorted(numbers_of(pull_all(stream))["a", 7]) == list(range(32))

    def test_another_epoch_counts_anew(self, log: Log) -> None:
        stream = log()
        stream.publish([part("a", 0, 4, epoch=1)], NOW)
        assert stream.publish([part("a", 0, 4, epoch=2)], NOW) == [Published(Outcome.APPENDED, 0, 4)]
        assert (stream.mark("a", 1), stream.mark("a", 2), stream.mark("a", 3)) == (4, 4, None)

    def test_the_end_of_an_epoch_is_known_by_the_part_that_it_ends(self, log: Log) -> None:
        stream = log()
        assert stream.tail("a", 7) == Tail(-1, None)
        parts = [replace(part("a", first, first + 4), data=bytes([first])) for first in (0, 5, 20)]
        for number, one in enumerate(parts):
            stream.publish([one], NOW)
            assert stream.tail("a", 7) == Tail(one.last, zlib.crc32(one.data)), number
        last = Tail(24, zlib.crc32(parts[-1].data))
        stream.publish([replace(parts[-1], data=b"said otherwise"), replace(part("a", 10, 12), data=b"late")], NOW)
        assert stream.tail("a", 7) == last, "what adds nothing at the end is not its end"
        ack_all(stream, "worker")
        assert stream.trim(["worker"])
        assert stream.tail("a", 7) == last
        stream.close()
        assert log().tail("a", 7) == last

    @pytest.mark.parametrize(
        ("bad", "says"),
        [
            (Part("a", 7, 3, 2, b""), "'a':3: 3 to 2"),
            (Part("a", 7, -1, 2, b""), "'a':-1: -1 to 2"),
            (Part("a", 7, 0, 1 << 63, b""), "'a':0: 0 to 9223372036854775808"),
            (Part("a", -1, 0, 1, b""), "'a':0: epoch -1"),
            (Part("a", 1 << 63, 0, 1, b""), "epoch 9223372036854775808"),
            (Part("", 7, 0, 1, b""), "1 to 256 characters"),
            (Part("a" * 257, 7, 0, 1, b""), "1 to 256 characters"),
            (Part("\ud800", 7, 0, 1, b""), "1 to 256 characters"),
        ],
    )
    def test_what_is_no_part_is_told_and_nothing_of_the_call_is_kept(self, log: Log, bad: Part, says: str) -> None:
        stream = log()
        with pytest.raises(TheirFault) as told:
            stream.publish([part("b", 0, 4), bad], NOW)
        assert says in str(told.value)
        assert (pull_all(stream), stream.mark("b", 7)) == ([], None)
        assert stream.publish([part("b", 0, 4)], NOW) == [Published(Outcome.APPENDED, 0, 4)]

    def test_the_last_number_there_is_can_be_taken(self, log: Log) -> None:
        stream = log()
        last = (1 << 63) - 1
        told = stream.publish([Part("a", last, last, last, b"x")], NOW)
        assert told == [Published(Outcome.GAP, 0, last)]
        stream.publish([Part("a", last, 0, last - 1, b"")], NOW)
        assert log().publish([Part("a", last, 0, last, b"")], NOW) == [Published(Outcome.ALREADY, 1 << 63, last)]

    def test_a_sender_is_always_in_the_same_partition(self, log: Log) -> None:
        stream = log(4)
        senders = [f"device-{number}" for number in range(64)]
        stream.publish([part(sender, 0, 1) for sender in senders], NOW)
        assert {stream.partition_of(sender) for sender in senders} == {0, 1, 2, 3}
        for partition in range(4):
            for entry in stream.pull(partition, 0, MANY):
                assert log(4).partition_of(entry.part.sender) == partition
        assert len(numbers_of(pull_all(stream))) == 64

    def test_positions_count_in_one_epoch_for_ever(self, log: Log) -> None:
        stream = log()
        assert 0 <= stream.epoch < 1 << 63
        assert log().epoch == stream.epoch

    def test_a_pull_gives_whole_groups_to_its_limit(self, log: Log) -> None:
        stream = log()
        for start in range(0, 50, 10):
            stream.publish([part("a", start, start + 4), part("a", start + 5, start + 9)], NOW)
        positions = sorted({entry.position for entry in pull_all(stream)})
        assert len(positions) == 5
        for limit, groups in ((0, 1), (1, 1), (10, 1), (29, 2), (30, 3), (MANY, 5)):
            pulled = stream.pull(0, 0, limit)
            assert sorted({entry.position for entry in pulled}) == positions[:groups]
            assert len(pulled) == 2 * groups
        assert {entry.position for entry in stream.pull(0, positions[0], MANY, positions[2])} == set(positions[1:3])
        assert stream.pull(0, positions[-1], MANY) == []
        assert stream.pull(0, positions[2], MANY, positions[1]) == []

    def test_others_see_what_is_published(self, log: Log) -> None:
        stream, reader = log(), log()
        assert reader.pull(0, 0, MANY) == []
        stream.publish([part("a", 0, 4)], NOW)
        assert reader.pull(0, 0, MANY) == stream.pull(0, 0, MANY)
        assert reader.mark("a", 7) == 4

    def test_acknowledgements_go_forward_only_and_are_each_consumer_s_own(self, log: Log) -> None:
        stream = log()
        for start in range(0, 30, 10):
            stream.publish([part("a", start, start + 9)], NOW + start)
        one, two, three = [entry.position for entry in stream.pull(0, 0, MANY)]
        assert stream.acked("worker", 0) == 0
        stream.ack("worker", 0, two)
        stream.ack("worker", 0, one)
        assert (stream.acked("worker", 0), stream.acked("other", 0)) == (two, 0)
        assert log().acked("worker", 0) == two
        assert stream.lag("worker") == Lag(1, 10, NOW + 20)
        assert stream.lag("other") == Lag(3, 30, NOW)
        stream.ack("worker", 0, three)
        assert stream.lag("worker") == Lag(0, 0, None)

    def test_what_is_not_there_cannot_be_acknowledged(self, log: Log) -> None:
        stream = log()
        stream.publish([part("a", 0, 9)], NOW)
        with pytest.raises(OurFault, match="worker"):
            stream.ack("worker", 0, 10_000)
        assert stream.acked("worker", 0) == 0

    def test_a_partition_that_is_not_there_is_our_own_fault(self, log: Log) -> None:
        stream = log(2)
        for wrong in (-1, 2):
            with pytest.raises(OurFault):
                stream.pull(wrong, 0, MANY)
            with pytest.raises(OurFault):
                stream.ack("worker", wrong, 1)
            with pytest.raises(OurFault):
                stream.acked("worker", wrong)

    def test_lag_counts_all_partitions(self, log: Log) -> None:
        stream = log(4)
        for number in range(20):
            stream.publish([part(f"device-{number}", 0, 9)], NOW + number)
        assert stream.lag("worker") == Lag(20, 200, NOW)
        ack_all(stream, "worker")
        assert stream.lag("worker") == Lag(0, 0, None)

    def test_only_what_all_have_acknowledged_is_forgotten_and_marks_stay(self, log: Log) -> None:
        stream = log()
        for start in range(0, 30, 10):
            stream.publish([part("a", start, start + 9)], NOW)
        one, two, three = [entry.position for entry in stream.pull(0, 0, MANY)]
        stream.ack("slow", 0, one)
        stream.ack("fast", 0, three)
        assert stream.trim([]) == 0
        assert stream.trim(["slow", "never"]) == 0
        assert stream.trim(["slow", "fast"]) == 10
        assert [entry.position for entry in stream.pull(0, 0, MANY)] == [two, three]
        assert stream.lag("slow") == Lag(2, 20, NOW)
        assert stream.lag("never") == Lag(2, 20, NOW)
        assert stream.trim(["fast"]) == 20
        assert (pull_all(stream), stream.lag("never")) == ([], Lag(0, 0, None))
        stream.close()
        again = log()
        assert again.mark("a", 7) == 29
        assert again.publish([part("a", 20, 29)], NOW) == [Published(Outcome.ALREADY, 30, 29)]
        assert again.publish([part("a", 30, 30)], NOW) == [Published(Outcome.APPENDED, 30, 30)]
        (entry,) = again.pull(0, 0, MANY)
        assert entry.position > three  # a position is never given twice

    def test_a_whole_log_is_not_damaged(self, log: Log) -> None:
        stream = log(2)
        for number in range(30):
            stream.publish([part(f"device-{number % 7}", number, number)], NOW)
        ack_all(stream, "worker")
        stream.trim(["worker"])
        pull_all(stream)
        assert stream.damaged() == []
        assert log(2).damaged() == []

    def test_any_sequence_comes_to_what_the_plain_one_says(self) -> None:
        """Duplicates, overlaps and any order, through two objects that are reopened and trimmed at any point."""

        @given(steps=STEPS, partitions=st.sampled_from([1, 3]))
        def holds(steps: list[object], partitions: int) -> None:
            with self.new_log() as log:
                _hold_against_the_plain_one(log, steps, partitions)

        holds()


def _hold_against_the_plain_one(log: Log, steps: list[object], partitions: int) -> None:
    plain, taken = Plain(), list[Entry]()
    stream, other = log(partitions), log(partitions)
    for step in steps:
        match step:
            case "reopen":
                stream.close()
                stream = log(partitions)
            case "other":
                stream, other = other, stream
            case "trim":
                taken += pull_all(stream, 20)
                ack_all(stream, "worker")
                stream.trim(["worker"])
                assert pull_all(other) == []
            case list() as parts:
                assert stream.publish(parts, NOW) == plain.publish(parts)
    _same(stream, plain, taken + pull_all(stream, 20))
    _same(other, plain, taken + pull_all(other))
    assert stream.damaged() + other.damaged() == []


def _same(stream: Stream, plain: Plain, entries: Sequence[Entry]) -> None:
    came = numbers_of(entries)
    assert {key: sorted(numbers) for key, numbers in came.items()} == {
        key: sorted(numbers) for key, numbers in plain.held.items()
    }
    assert {key: stream.mark(*key) for key in plain.held} == {key: max(held) for key, held in plain.held.items()}
