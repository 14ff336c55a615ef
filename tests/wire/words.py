"""One of each word, as tests of sessions and the test vectors use them."""

from __future__ import annotations

from carecordon.model.event import Kind
from carecordon.wire import codec
from carecordon.wire.messages import (
    PROTOCOL,
    Batch,
    Bye,
    Credit,
    Disown,
    Hello,
    Issued,
    Ping,
    Pong,
    Receipt,
    Recount,
    Refusal,
    Renew,
    Welcome,
)
from carecordon.wire.session import NANOSECONDS, WORDS, Word
from tests.wire.test_codec import table_of

EPOCH = 4_611_686_018_427_387_905
CREDIT = Credit(200.0, 0.0)
PEM = "-----BEGIN MADE UP-----\nAAAA\n-----END MADE UP-----\n"


def data_of(first: int, last: int) -> bytes:
    """Return a batch of these events, as the codec writes it."""
    time = 1_795_568_523_000_000_000
    return codec.encode(
        table_of(
            [
                (Kind("Security", "made up", 4624), {"Number": str(number)}, time + number, "ward-pc-07.example.org")
                for number in range(first, last + 1)
            ]
        )
    )


WORD: dict[type[Word], Word] = {
    type(word): word
    for word in (
        Hello(PROTOCOL, "1.0.0", "ward-pc-07.example.org", "Windows 11", EPOCH, 12),
        Batch(EPOCH, 10, 11, data_of(10, 11)),
        Renew(PEM),
        Disown(),
        Ping(),
        Pong(),
        Bye("the device is shut down", 0.0),
        Welcome(PROTOCOL, 1_795_568_523_000_000_000, 9, CREDIT, 3_735_928_559),
        Receipt(EPOCH, 11, CREDIT),
        Refusal(EPOCH, 10, "the disk is nearly full", 30.0),
        Recount(EPOCH, 9, "two devices go on with one count"),
        Issued(PEM),
    )
}
assert tuple(WORD) == WORDS


def seconds(number: float) -> int:
    """Return so many seconds in ns."""
    return int(number * NANOSECONDS)
