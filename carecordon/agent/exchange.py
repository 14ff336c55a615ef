"""One session over one link, without the link: the queue's batches go out as the hub lets them, receipts come in.

Pure but for the queue it is given: whole messages and times (a clock that never goes back, ns) go in, messages to send
come out, so that a socket, a test and a fleet of thousands drive the same thing.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from carecordon.agent.losses import REFUSED, Loss
from carecordon.agent.queued import Kept
from carecordon.agent.rank import Rank
from carecordon.model.errors import TheirFault
from carecordon.wire.device_session import DeviceSession
from carecordon.wire.session import (
    NANOSECONDS,
    TICK_S,
    WINDOW_BYTES,
    Acknowledged,
    Ended,
    Fault,
    Forked,
    Renewed,
    Send,
    State,
    Turned,
    Welcomed,
)

_AT_ONCE = NANOSECONDS // 1_000
"""Credit that asks to wait for less is no reason to wait."""


class Queue(Protocol):
    """What is carried: see `agent/spool.py`, which keeps it on disk."""

    @property
    def carried(self) -> int:
        """Return the epoch to carry now."""
        ...

    def given(self, epoch: int) -> int:
        """Return a number above all that were given away of an epoch."""
        ...

    def read(self, epoch: int, after: int, limit_bytes: int) -> list[Kept]:
        """Return batches of an epoch behind a number, in order."""
        ...

    def agrees(self, epoch: int, mark: int, check: int) -> bool:
        """Return whether nothing here says that the batch which ends at `mark` has another CRC-32 than `check`."""
        ...

    def ack(self, epoch: int, mark: int) -> None:
        """Forget everything of an epoch up to `mark`."""
        ...

    def renumber(self, epoch: int) -> None:
        """Give what is left of an epoch new numbers in another."""
        ...

    def note(self, loss: Loss) -> None:
        """Remember a loss, and tell of it by an event."""
        ...


class Exchange:
    """A session and what it carries. When `ended` is there, let go of the link and make a new exchange."""

    __slots__ = ("_after", "_next_tick", "_queue", "_ready", "_renewed", "clock_ahead", "ended", "session")

    def __init__(self, queue: Queue, release: str, host: str, system: str, now: int) -> None:
        """Begin with what the queue wants carried; `host` and `system` are what we call ourselves."""
        epoch = queue.carried
        self.session = DeviceSession(release, host, system, epoch, queue.given(epoch), now)
        self.ended: Ended | None = None
        self.clock_ahead: int | None = None
        """The hub's clock (UTC ns) less `now`; None before it told."""
        self._queue = queue
        self._ready: deque[Kept] = deque()
        self._after = -1
        self._next_tick = now + int(TICK_S * NANOSECONDS)
        self._renewed: str | None = None

    @property
    def is_open(self) -> bool:
        """Return whether the hub answered and batches may go."""
        return self.session.state is State.OPEN

    def begin(self) -> list[bytes]:
        """Return the first messages."""
        return [self.session.hello()]

    def hear(self, message: bytes, now: int) -> list[bytes]:
        """Return what to send after a message of the hub."""
        out = self._heed(message, now)
        return out + self.pump(now)

    def pump(self, now: int) -> list[bytes]:
        """Return the batches that may go now, and what the passing of time asks for."""
        out: list[bytes] = []
        if now >= self._next_tick:
            self._next_tick = now + int(TICK_S * NANOSECONDS)
            for event in self.session.tick(now):
                self._take(event, now, out)
        session = self.session
        while (room := session.room(now + _AT_ONCE)) and (kept := self._peek()) is not None:
            if len(kept.data) > room and session.flights:
                break
            self._ready.popleft()
            self._after = kept.last
            try:
                out.append(session.batch(kept.first, kept.last, kept.data, now))
            except TheirFault as fault:
                self._refused(kept.first, kept.last, str(fault))
        if self.is_open and not session.flights and self._queue.carried != session.epoch:
            out.append(session.bye("going on with another count"))
            self.ended = Ended("going on with another count", Fault.NOBODY, 0.0)
        return out

    def wait_s(self, now: int) -> float:
        """Return after how many seconds `pump` is to be called at the latest, if nothing happens before."""
        until_tick = max(0.0, (self._next_tick - now) / NANOSECONDS)
        held = self.session.wait_s(now) if self.is_open else 0.0
        return min(until_tick, held) if held > 0 else until_tick

    def renew(self, request: str) -> list[bytes]:
        """Return the message that asks for a new certificate; it comes as `take_renewed`."""
        return [self.session.renew(request)] if self.is_open else []

    def take_renewed(self) -> str | None:
        """Return the new certificate that has come (PEM), once."""
        found, self._renewed = self._renewed, None
        return found

    def leave(self, reason: str) -> list[bytes]:
        """Return the last word; the exchange is ended."""
        if self.ended is not None or self.session.state is State.ENDED:
            return []
        self.ended = Ended(reason, Fault.NOBODY, 0.0)
        return [self.session.bye(reason)]

    def _heed(self, message: bytes, now: int) -> list[bytes]:
        out: list[bytes] = []
        for event in self.session.receive(message, now):
            self._take(event, now, out)
        return out

    def _take(self, event: object, now: int, out: list[bytes]) -> None:
        match event:
            case Send(message):
                out.append(message)
            case Acknowledged(mark):
                self._queue.ack(self.session.epoch, mark)
            case Welcomed(mark, clock, check):
                self.clock_ahead = clock - now
                if check is None or self._queue.agrees(self.session.epoch, mark, check):
                    self._queue.ack(self.session.epoch, mark)
                    self._after = max(self._after, mark)
                else:  # numbers that we give anew after we were set back are another's at the hub
                    out.append(self.session.disown())
                    self._queue.renumber(self.session.epoch)
                    self.ended = Ended("the hub holds other events under our numbers", Fault.NOBODY, 0.0)
            case Turned(first, last, reason, retry_s):
                if retry_s < 0:
                    self._refused(first, last, reason)
                else:
                    self._ready.clear()
                    self._after = first - 1
            case Forked():
                self._queue.renumber(self.session.epoch)
            case Renewed(certificate):
                self._renewed = certificate
            case Ended():
                self.ended = event

    def _peek(self) -> Kept | None:
        """Return the next batch that was not sent."""
        if not self._ready:
            self._ready.extend(self._queue.read(self.session.epoch, self._after, WINDOW_BYTES))
        return self._ready[0] if self._ready else None

    def _refused(self, first: int, last: int, reason: str) -> None:
        """Count what the hub will never take; the event that tells of it goes on behind it."""
        self._queue.note(Loss(REFUSED, Rank.PROCESS, last - first + 1, first, last, what=reason[:500]))
