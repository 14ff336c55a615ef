"""The device's end of a session: what it may say when, what waits for its receipt, and how fast it may go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from carecordon.model.errors import OurFault, TheirFault
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
from carecordon.wire.outside import fault_of
from carecordon.wire.session import (
    GREETING_S,
    NANOSECONDS,
    WINDOW_BATCHES,
    WINDOW_BYTES,
    Acknowledged,
    DeviceEvent,
    Ended,
    Fault,
    Forked,
    Renewed,
    Send,
    Silence,
    State,
    Turned,
    Welcomed,
    Word,
    farewell,
    misplaced,
    read,
    sane,
    write,
)

ASK_AFTER_S = 45.0
"""The hub asks first (30 s); so of a pair that has nothing to say only one pings."""
MAX_RATE = 1e9


class Flight(NamedTuple):
    """A batch on its way: its numbers and its size."""

    first: int
    last: int
    size_bytes: int


class DeviceSession:
    """One session of a device with its hub; after it ended, a new one is made.

    >>> session = DeviceSession("1.0", "ward-pc-07", "Windows 11", epoch, next_number, now)
    >>> link.send(session.hello())
    >>> for event in session.receive(message, now): ...
    >>> if session.room(now): link.send(session.batch(first, last, data, now))

    A device has one session at a time: it lets go of the old link before it opens a new one, and never answers on it.
    """

    def __init__(self, release: str, host: str, system: str, epoch: int, next_number: int, now: int) -> None:
        """Begin. `next_number` is the one that the next new event will get (see Hello)."""
        self.state = State.NEW
        self.epoch = epoch
        self.mark = -1
        """Up to here everything is on the hub's disk, as far as we were told."""
        self.credit = Credit(MAX_RATE, 0.0)
        self.flights: deque[Flight] = deque()
        self._flying_bytes = 0
        self._given = next_number
        self._hello = Hello(PROTOCOL, release[:256], host[:256], system[:256], epoch, next_number)
        self._began = now
        self._silence = Silence(ASK_AFTER_S, now)
        self._sent_at = now
        self._not_before = now

    def hello(self) -> bytes:
        """Return the first message."""
        self._must_be(State.NEW)
        self.state = State.GREETING
        return write(self._hello)

    def room(self, now: int) -> int:
        """Return how many bytes the next batch may have now: 0 while it must wait (for receipts, or see `wait_s`)."""
        if self.state is not State.OPEN or now < self._not_before or len(self.flights) >= WINDOW_BATCHES:
            return 0
        return max(0, WINDOW_BYTES - self._flying_bytes)

    def wait_s(self, now: int) -> float:
        """Return for how long credit and refusals ask to wait; 0.0: only receipts (or nothing) hold us."""
        return max(0, self._not_before - now) / NANOSECONDS

    def batch(self, first: int, last: int, data: bytes, now: int) -> bytes:
        """Return the message with events `first` to `last`; they fly from now on.

        Batches go in rising order; a gap is told by the hub as lost. A batch larger than `room` may go while nothing
        flies. Raises OurFault where the session is not open, and TheirFault where the hub would never take the batch.
        """
        self._must_be(State.OPEN)
        batch = Batch(self.epoch, first, last, data)
        wrong = fault_of(batch)
        if wrong is not None:
            raise TheirFault(wrong)
        self.flights.append(Flight(first, last, len(data)))
        self._flying_bytes += len(data)
        self._given = max(self._given, last + 1)
        self._sent_at = now
        pause_s = max(self.credit.delay_s, (last - first + 1) / self.credit.events_per_s)
        self._not_before = max(self._not_before, now + int(pause_s * NANOSECONDS))
        return write(batch)

    def renew(self, request: str) -> bytes:
        """Return the message that asks for a new certificate (`request`: PEM of a signing request)."""
        self._must_be(State.OPEN)
        return write(Renew(request))

    def disown(self) -> bytes:
        """Return the last word where what the hub holds of our epoch is not ours; the session is ended."""
        self.state = State.ENDED
        return write(Disown())

    def bye(self, reason: str) -> bytes:
        """Return the last message; the session is ended."""
        self.state = State.ENDED
        return farewell(reason, 0.0)

    def receive(self, message: bytes, now: int) -> list[DeviceEvent]:
        """Return what a message of the hub means; a wrong one ends the session."""
        if self.state is State.ENDED:
            return []
        try:
            word = read(message)
        except TheirFault as fault:
            return self._end(f"the hub sent what cannot be read: {fault}", Fault.THEIRS)
        self._silence.hear(now)
        step = self.TABLE.get((self.state, type(word)))
        if step is None:
            return self._end(
                f"the hub broke the protocol: {misplaced(self.TABLE, self.state, type(word))}", Fault.THEIRS
            )
        return step(self, word, now)

    def tick(self, now: int) -> list[DeviceEvent]:
        """Return what the passing of time brings: a ping to a silent hub, or the end. Call it every few seconds."""
        if self.state is State.ENDED:
            return []
        if self._silence.is_dead(now):
            return self._end("the hub was not heard any more", Fault.THEIRS)
        if self.state is not State.OPEN:
            late = now - self._began >= GREETING_S * NANOSECONDS
            return self._end("the hub did not answer the hello", Fault.THEIRS) if late else []
        return [Send(write(Ping()))] if self._silence.should_ask(now) else []

    def _must_be(self, state: State) -> None:
        if self.state is not state:
            raise OurFault(f"session: it is {self.state.value}, and must be {state.value} for this")

    def _end(self, reason: str, fault: Fault, retry_s: float | None = None) -> list[DeviceEvent]:
        self.state = State.ENDED
        said: list[DeviceEvent] = [Send(farewell(reason, 0.0))] if fault is Fault.THEIRS else []
        return [*said, Ended(reason, fault, retry_s)]

    def _take_credit(self, credit: Credit) -> None:
        rate = credit.events_per_s
        self.credit = Credit(min(MAX_RATE, rate) if rate > 0.001 else 0.001, max(0.0, sane(credit.delay_s)))
        self._not_before = max(self._not_before, self._sent_at + int(self.credit.delay_s * NANOSECONDS))

    def _land(self, mark: int) -> None:
        """Let go of what is on the hub's disk."""
        self.mark = max(self.mark, mark)
        while self.flights and self.flights[0].last <= mark:
            self._flying_bytes -= self.flights.popleft().size_bytes

    def _fork(self, reason: str) -> list[DeviceEvent]:
        self.state = State.ENDED
        return [Forked(), Ended(reason, Fault.NOBODY, 0.0)]

    def _on_welcome(self, word: Welcome, now: int) -> list[DeviceEvent]:
        if word.protocol != PROTOCOL:
            says = f"the hub speaks protocol {word.protocol}, this device {PROTOCOL}: bring both to one release"
            return self._end(says, Fault.NOBODY, -1.0)
        if word.mark >= self._given:
            return self._fork("the hub holds numbers of our epoch that we never gave")
        self.state = State.OPEN
        self._sent_at = now
        self._take_credit(word.credit)
        self._land(word.mark)
        return [Welcomed(self.mark, word.now, word.check)]

    def _on_receipt(self, word: Receipt, now: int) -> list[DeviceEvent]:
        if word.epoch != self.epoch:
            return self._end("the hub acknowledged another epoch than this session's", Fault.THEIRS)
        if word.mark >= self._given:
            return self._fork("the hub acknowledged numbers that we never gave")
        self._take_credit(word.credit)
        self._land(word.mark)
        return [Acknowledged(self.mark)]

    def _on_refusal(self, word: Refusal, now: int) -> list[DeviceEvent]:
        """Go back to the refused batch; refusals of what was already taken back are their echoes."""
        at = next((at for at, flight in enumerate(self.flights) if flight.first == word.first), None)
        if at is None or word.epoch != self.epoch:
            return []
        refused = self.flights[at]
        retry_s = sane(word.retry_s)
        if retry_s < 0:
            del self.flights[at]
        else:
            while len(self.flights) > at:
                self.flights.pop()
            self._not_before = max(self._not_before, now + int(retry_s * NANOSECONDS))
        self._flying_bytes = sum(flight.size_bytes for flight in self.flights)
        return [Turned(refused.first, refused.last, word.reason, retry_s)]

    def _on_recount(self, word: Recount, now: int) -> list[DeviceEvent]:
        if word.epoch != self.epoch:
            return self._end("the hub spoke of another epoch than this session's", Fault.THEIRS)
        self._land(min(word.mark, self._given - 1))
        return [Acknowledged(self.mark), *self._fork(word.reason)]

    def _on_issued(self, word: Issued, now: int) -> list[DeviceEvent]:
        return [Renewed(word.certificate)]

    def _on_ping(self, word: Ping, now: int) -> list[DeviceEvent]:
        return [Send(write(Pong()))]

    def _on_pong(self, word: Pong, now: int) -> list[DeviceEvent]:
        return []

    def _on_bye(self, word: Bye, now: int) -> list[DeviceEvent]:
        return self._end(word.reason, Fault.NOBODY, sane(word.retry_s))

    TABLE: ClassVar[dict[tuple[State, type[Word]], Callable[[DeviceSession, Any, int], list[DeviceEvent]]]] = {
        (State.NEW, Bye): _on_bye,
        (State.GREETING, Welcome): _on_welcome,
        (State.GREETING, Ping): _on_ping,
        (State.GREETING, Pong): _on_pong,
        (State.GREETING, Bye): _on_bye,
        (State.OPEN, Receipt): _on_receipt,
        (State.OPEN, Refusal): _on_refusal,
        (State.OPEN, Recount): _on_recount,
        (State.OPEN, Issued): _on_issued,
        (State.OPEN, Ping): _on_ping,
        (State.OPEN, Pong): _on_pong,
        (State.OPEN, Bye): _on_bye,
    }
    """What a word of the hub does in each state; what is not here ends the session as the hub's fault."""
