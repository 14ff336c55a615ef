"""What both ends of a session share: its states, what comes out of it, how a word is read, and how silence is noticed.

A session is a pure state machine: whole messages and times go in, events come out, and methods give the bytes to send.
Times are nanoseconds of a clock that never goes back. The two ends are `wire/device_session.py` and
`wire/hub_session.py`; each is one table of (state, word).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from carecordon.model.errors import TheirFault
from carecordon.wire.messages import (
    Batch,
    Bye,
    Disown,
    FromDevice,
    FromHub,
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

NANOSECONDS = 1_000_000_000
MAX_BATCH_BYTES = 1024 * 1024
"""A batch's `data` is never longer: who sends makes smaller batches."""
MAX_MESSAGE_BYTES = MAX_BATCH_BYTES + 64
WINDOW_BATCHES = 8
"""So many batches may wait for their receipt at once,"""
WINDOW_BYTES = 1024 * 1024
"""and so many bytes of them; a single batch may always go."""
DEAD_AFTER_S = 70.0
"""A peer that was not heard for so long is gone. With a tick every 10 s it is seen within 80 s, which leaves both ends
time to let go of the link within 90 s."""
TICK_S = 10.0
"""`tick` is called at least so often."""
GREETING_S = 20.0
"""Hello and welcome come within this time."""
MAX_RETRY_S = 86_400.0

Word = FromDevice | FromHub
WORDS = (Hello, Batch, Renew, Disown, Ping, Pong, Bye, Welcome, Receipt, Refusal, Recount, Issued)
_SAYS: dict[type, str] = {
    kind: (
        "a device's word"
        if kind in (Hello, Batch, Renew, Disown)
        else "a hub's word"
        if kind not in (Ping, Pong, Bye)
        else ""
    )
    for kind in WORDS
}
_READ: msgspec.msgpack.Decoder[Word] = msgspec.msgpack.Decoder(
    Hello | Batch | Renew | Disown | Ping | Pong | Bye | Welcome | Receipt | Refusal | Recount | Issued
)
_WRITE = msgspec.msgpack.Encoder()


class State(StrEnum):
    """Where a session stands."""

    NEW = "new"
    """Nothing was said."""
    GREETING = "greeting"
    """The device said hello; the hub has not answered it yet."""
    OPEN = "open"
    ENDED = "ended"
    """Nothing more is said; what still comes is not read."""


class Fault(StrEnum):
    """Whose fault an end is."""

    NOBODY = "nobody"
    THEIRS = "theirs"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Send:
    """A message goes out, before anything that is asked for later."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over: close the link. `retry_s`: when to come again, as in Bye; None where nobody said."""

    reason: str
    fault: Fault
    retry_s: float | None = None


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The hub answered: our epoch up to `mark` is on its disk (-1: nothing of it). `clock` is its time, UTC ns.

    `check` as in Welcome: where what ends here at `mark` has another, `disown` it and take nothing for acknowledged.
    """

    mark: int
    clock: int
    check: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Everything of our epoch up to `mark` is on the hub's disk and may be forgotten."""

    mark: int


@dataclass(frozen=True, slots=True)
class Turned:
    """A batch was not taken.

    `retry_s` >= 0: everything from `first` on is to be sent again, in order; the session knows the wait.
    Negative: numbers `first` to `last` will never be taken as they are; what is behind them goes on.
    """

    first: int
    last: int
    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class Forked:
    """The hub holds numbers of our epoch that we never gave: somebody else goes on with our count, or we were set back.

    Everything that was not acknowledged so far gets new numbers in a new epoch; then come again. An `Ended` follows.
    """


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new certificate (PEM) with the hub's CA behind it."""

    certificate: str


@dataclass(frozen=True, slots=True)
class Greeted:
    """A device said hello: answer it with `welcome`, or end it."""

    hello: Hello


@dataclass(frozen=True, slots=True)
class Offered:
    """A device's batch, whose outside was looked at: `refuse` it, or keep it and say so with `receipt`."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class RenewalAsked:
    """A device asks for a new certificate (PEM of a signing request): answer with `issued`, or end."""

    request: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A pong came."""


@dataclass(frozen=True, slots=True)
class Disowned:
    """The device says that what is on disk under its numbers is not its own. An `Ended` follows."""


DeviceEvent = Send | Ended | Welcomed | Acknowledged | Turned | Forked | Renewed
HubEvent = Send | Ended | Greeted | Offered | RenewalAsked | Answered | Disowned


def read(message: bytes) -> Word:
    """Return the word that a message holds. Raises TheirFault for anything else; sizes are checked before reading."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise TheirFault(f"message: {len(message)} bytes, at most {MAX_MESSAGE_BYTES} are taken: send smaller batches")
    try:
        return _READ.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise TheirFault(f"message: {fault}") from fault


def write(word: Word) -> bytes:
    """Return a word as a message."""
    return _WRITE.encode(word)


def name_of(kind: type) -> str:
    """Return what a kind of word is called on the wire."""
    return kind.__name__.lower()


def misplaced(table: Mapping[tuple[State, type], object], state: State, kind: type) -> str:
    """Return why a word may not come in a state: it is the other side's, or comes at the wrong time."""
    if not any(word is kind for _, word in table):
        return f"`{name_of(kind)}` came, which is {_SAYS[kind]} and never comes to this side"
    return f"`{name_of(kind)}` came while the session was {state.value}"


def sane(seconds: float) -> float:
    """Return a time that a peer named, within -1 to a day; what is no number is 0."""
    return max(-1.0, min(MAX_RETRY_S, seconds)) if seconds == seconds else 0.0  # noqa: PLR0124  # NaN alone differs


def farewell(reason: str, retry_s: float) -> bytes:
    """Return a last word, cut to what the other side takes."""
    return write(Bye(reason[:1_000], retry_s))


class Silence:
    """Notices that the other side is not heard: asks once, and then gives it up."""

    __slots__ = ("_ask_after", "heard_at", "is_asking")

    def __init__(self, ask_after_s: float, now: int) -> None:
        """Begin at `now`; ask after so many seconds without a word."""
        self._ask_after = int(ask_after_s * NANOSECONDS)
        self.is_asking = False
        self.heard_at = now

    def hear(self, now: int) -> None:
        """Note that something came."""
        self.heard_at = now
        self.is_asking = False

    def should_ask(self, now: int) -> bool:
        """Return whether it is time for a ping; true once a silence."""
        due = not self.is_asking and now - self.heard_at >= self._ask_after
        self.is_asking = self.is_asking or due
        return due

    def is_dead(self, now: int) -> bool:
        """Return whether the other side was silent for too long."""
        return now - self.heard_at >= DEAD_AFTER_S * NANOSECONDS
