"""The hub's end of a session: what a device may say when, and what it is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

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
    Answered,
    Disowned,
    Ended,
    Fault,
    Greeted,
    HubEvent,
    Offered,
    RenewalAsked,
    Send,
    Silence,
    State,
    Word,
    farewell,
    misplaced,
    read,
    write,
)

ASK_AFTER_S = 30.0


class HubSession:
    """One session of a hub with a device.

    A device that broke the protocol is sent a Bye and ended; `Ended.reason` says whose fault it was. A refused batch
    pulls those behind it along: what was sent before the device heard of it is refused too, for a receipt behind it
    would speak for it. They come again with the refused one; or the device has dropped that one, which is certain once
    it has answered a ping that was sent behind the refusal.
    """

    __slots__ = ("_again", "_asked", "_began", "_is_asked_for", "_silence", "epoch", "state")

    def __init__(self, now: int) -> None:
        """Begin, with a link that just opened."""
        self.state = State.NEW
        self.epoch = -1
        self._again: Refusal | None = None
        self._asked: deque[Refusal | None] = deque()
        """Pings without an answer so far: each the refusal it was sent behind, None for those of the heartbeat."""
        self._is_asked_for = False
        self._began = now
        self._silence = Silence(ASK_AFTER_S, now)

    @property
    def heard_at(self) -> int:
        """Return when the device was last heard."""
        return self._silence.heard_at

    @property
    def is_asking(self) -> bool:
        """Return whether a ping of `tick` has not been answered yet."""
        return self._silence.is_asking

    def welcome(self, clock: int, mark: int, credit: Credit, check: int | None = None) -> bytes:
        """Return the answer to a hello: the hub's time (UTC ns), its mark on disk, credit, the mark's check."""
        if self.state is not State.GREETING:
            raise OurFault(f"session: it is {self.state.value}, and a welcome answers a hello")
        self.state = State.OPEN
        return write(Welcome(PROTOCOL, clock, mark, credit, check))

    def receipt(self, mark: int, credit: Credit) -> bytes:
        """Return the word that everything of the session's epoch up to `mark` is on disk."""
        return write(Receipt(self.epoch, mark, credit))

    def refuse(self, first: int, reason: str, retry_s: float) -> bytes:
        """Return the word that the batch beginning with `first` was not taken (`retry_s` < 0: and never will be)."""
        refusal = Refusal(self.epoch, first, reason[:1_000], retry_s)
        if retry_s >= 0 and (self._again is None or first < self._again.first):
            self._again, self._is_asked_for = refusal, False
        return write(refusal)

    def recount(self, mark: int, reason: str) -> bytes:
        """Return the word that somebody else goes on with the device's count; the session is ended."""
        self.state = State.ENDED
        return write(Recount(self.epoch, mark, reason[:1_000]))

    def issued(self, certificate: str) -> bytes:
        """Return the word that brings a new certificate."""
        return write(Issued(certificate))

    def ping(self) -> bytes:
        """Return the question whether the device is there; its answer is told as `Answered`."""
        self._asked.append(None)
        return write(Ping())

    def bye(self, reason: str, retry_s: float) -> bytes:
        """Return the last word; the session is ended. `retry_s` as in Bye."""
        self.state = State.ENDED
        return farewell(reason, retry_s)

    def receive(self, message: bytes, now: int) -> list[HubEvent]:
        """Return what a device's message means; a wrong one ends the session."""
        if self.state is State.ENDED:
            return []
        try:
            word = read(message)
        except TheirFault as fault:
            return self._end(f"it cannot be read: {fault}")
        self._silence.hear(now)
        step = self.TABLE.get((self.state, type(word)))
        if step is None:
            return self._end(f"protocol broken: {misplaced(self.TABLE, self.state, type(word))}")
        return step(self, word)

    def tick(self, now: int) -> list[HubEvent]:
        """Return what the passing of time brings: a ping to a silent device, or the end. Call it every few seconds."""
        if self.state is State.ENDED:
            return []
        if self._silence.is_dead(now):
            return self._end("it was not heard any more", retry_s=0.0)
        if self.state is State.NEW:
            return self._end("it never said hello", retry_s=0.0) if self._is_late(now) else []
        return [Send(self.ping())] if self._silence.should_ask(now) else []

    def _is_late(self, now: int) -> bool:
        return now - self._began >= GREETING_S * NANOSECONDS

    def _end(self, reason: str, retry_s: float = 60.0) -> list[HubEvent]:
        return [Send(self.bye(reason, retry_s)), Ended(reason, Fault.THEIRS, retry_s)]

    def _on_hello(self, word: Hello) -> list[HubEvent]:
        if word.protocol != PROTOCOL:
            says = f"this hub speaks protocol {PROTOCOL}, the device {word.protocol}: bring both to one release"
            return self._end(says, -1.0)
        self.state = State.GREETING
        self.epoch = word.epoch
        return [Greeted(word)]

    def _on_batch(self, word: Batch) -> list[HubEvent]:
        if word.epoch != self.epoch:
            return self._end("a batch of another epoch than the hello named: begin a session for each")
        wrong = fault_of(word)
        if wrong is not None:
            return [Send(self.refuse(word.first, wrong, -1.0))]
        again = self._again
        if again is None or word.first <= again.first:
            self._again = None
            return [Offered(word)]
        told: list[HubEvent] = [Send(write(Refusal(self.epoch, word.first, again.reason, again.retry_s)))]
        if not self._is_asked_for:
            self._is_asked_for = True
            self._asked.append(again)
            told.append(Send(write(Ping())))
        return told

    def _on_renew(self, word: Renew) -> list[HubEvent]:
        return [RenewalAsked(word.request)]

    def _on_disown(self, word: Disown) -> list[HubEvent]:
        self.state = State.ENDED
        return [Disowned(), Ended("it goes on with a count of its own", Fault.NOBODY)]

    def _on_ping(self, word: Ping) -> list[HubEvent]:
        return [Send(write(Pong()))]

    def _on_pong(self, word: Pong) -> list[HubEvent]:
        behind = self._asked.popleft() if self._asked else None
        if behind is None:
            return [Answered()]
        if behind is self._again:
            self._again = None
        return []

    def _on_bye(self, word: Bye) -> list[HubEvent]:
        self.state = State.ENDED
        return [Ended(word.reason, Fault.NOBODY)]

    TABLE: ClassVar[dict[tuple[State, type[Word]], Callable[[HubSession, Any], list[HubEvent]]]] = {
        (State.NEW, Hello): _on_hello,
        (State.NEW, Bye): _on_bye,
        (State.GREETING, Ping): _on_ping,
        (State.GREETING, Pong): _on_pong,
        (State.GREETING, Bye): _on_bye,
        (State.OPEN, Batch): _on_batch,
        (State.OPEN, Renew): _on_renew,
        (State.OPEN, Disown): _on_disown,
        (State.OPEN, Ping): _on_ping,
        (State.OPEN, Pong): _on_pong,
        (State.OPEN, Bye): _on_bye,
    }
    """What a word of the device does in each state; what is not here ends the session as the device's fault."""
