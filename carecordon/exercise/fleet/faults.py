"""What goes wrong on purpose between a device and its hub, drawn from a seed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from carecordon.agent.exchange import Exchange
from carecordon.agent.link import Link
from carecordon.wire.session import Ended

GARBAGE_BYTES = 2_000


BATCH = b"batch"
"""The tag of a batch, near the beginning of its message."""


@dataclass(slots=True)
class Faults:
    """How much goes wrong; may be changed while a fleet runs.

    `drop_per_s`: share of connections cut each second. `delay_s`: each message waits up to so long, in order.
    `duplicate`: share of batches sent twice. `reorder`: share of batches whose events are told after those that came
    behind them (a device sends numbers in rising order, so it is the events that change places, not the messages).
    `garbage`: share of messages with one of random bytes behind it, upon which the hub ends the session.
    """

    drop_per_s: float = 0.0
    delay_s: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    garbage: float = 0.0

    @property
    def touches_messages(self) -> bool:
        """Return whether anything is done to messages."""
        return bool(self.delay_s or self.duplicate or self.garbage)


class FaultyLink(Link):
    """A link on which things go wrong."""

    __slots__ = ("_at", "_faults", "_rng")

    def __init__(
        self,
        exchange: Exchange,
        done: asyncio.Future[Ended],
        clock: Callable[[], int],
        on_change: Callable[[], None],
        faults: Faults,
        rng: Random,
    ) -> None:
        """Carry `exchange`, as well as `faults` allow."""
        super().__init__(exchange, done, clock, on_change)
        self._faults, self._rng, self._at = faults, rng, 0.0

    def put(self, messages: Iterable[bytes]) -> None:
        """Send messages, or what becomes of them."""
        if not self._faults.touches_messages:
            super().put(messages)
            return
        loop = asyncio.get_running_loop()
        for message in self._spoilt(messages):
            if not self._faults.delay_s:
                super().put((message,))
                continue
            # Never two at one moment: a loop does not say which of them it calls first.
            self._at = max(self._at + 1e-6, loop.time() + self._rng.random() * self._faults.delay_s)
            loop.call_at(self._at, super().put, (message,))

    def _spoilt(self, messages: Iterable[bytes]) -> Iterable[bytes]:
        faults, rng = self._faults, self._rng
        for message in messages:
            yield message
            if self.exchange.is_open:
                if BATCH in message[:16] and rng.random() < faults.duplicate:
                    yield message
                if rng.random() < faults.garbage:
                    yield rng.randbytes(rng.randrange(GARBAGE_BYTES))
