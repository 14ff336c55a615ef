"""The plainest log there is, to hold the real ones against: sets of numbers, and a list of what came in."""

from __future__ import annotations

from collections.abc import Sequence

from carecordon.model.stream import Entry, Outcome, Part, Published, Stream

Key = tuple[str, int]
NOW = 1_795_568_523_000_000_000
MANY = 1 << 30
"""More bytes than any test has."""


def part(sender: str, first: int, last: int, epoch: int = 7) -> Part:
    """Return a part whose data has one byte for each of its numbers, so that one sees which of them came out."""
    return Part(sender, epoch, first, last, bytes(number % 256 for number in range(first, last + 1)))


def numbers_of(entries: Sequence[Entry]) -> dict[Key, list[int]]:
    """Return what a reader takes of these entries: the numbers of each epoch, in the order they stand in the log."""
    found: dict[Key, list[int]] = {}
    for entry in entries:
        own = entry.part
        numbers = range(own.first + entry.skip, own.last + 1 - entry.drop)
        kept = own.data[entry.skip : len(own.data) - entry.drop]
        assert list(kept) == [number % 256 for number in numbers]
        found.setdefault((own.sender, own.epoch), []).extend(numbers)
    return found


def pull_all(stream: Stream, limit_bytes: int = MANY) -> list[Entry]:
    """Return everything that is in a log, partition by partition, pulled in pieces."""
    found: list[Entry] = []
    for partition in range(stream.partitions):
        after = 0
        while more := stream.pull(partition, after, limit_bytes):
            found += more
            after = more[-1].position
    return found


def ack_all(stream: Stream, consumer: str) -> None:
    """Acknowledge everything."""
    for partition in range(stream.partitions):
        entries = stream.pull(partition, 0, MANY)
        if entries:
            stream.ack(consumer, partition, entries[-1].position)


class Plain:
    """What is on disk, as one would do it with all the memory in the world."""

    def __init__(self) -> None:
        """Hold nothing."""
        self.held: dict[Key, set[int]] = {}

    def publish(self, parts: Sequence[Part]) -> list[Published]:
        """Take parts and return what became of each."""
        return [self._publish(one) for one in parts]

    def _publish(self, one: Part) -> Published:
        held = self.held.setdefault((one.sender, one.epoch), set())
        numbers = set(range(one.first, one.last + 1))
        expected = max(held, default=-1) + 1
        if numbers <= held:
            outcome = Outcome.ALREADY
        elif one.first > expected:
            outcome = Outcome.GAP
        else:
            outcome = Outcome.APPENDED
        held |= numbers
        return Published(outcome, expected, max(held))
