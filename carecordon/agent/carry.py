"""The connection to the hub: held open, made anew when it breaks, and given up only when the hub says so.

A WebSocket over TLS 1.3 with the device's certificate; what is said on it is decided by `agent/exchange.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import carecordon
from carecordon.agent.enrol import NotEnrolled, renew_expired
from carecordon.agent.exchange import Exchange, Queue
from carecordon.agent.identity import Identity, Returning, make_key, make_request, renew_at
from carecordon.agent.link import Link
from carecordon.model.errors import TheirFault
from carecordon.wire.reconnect import Reconnect
from carecordon.wire.session import NANOSECONDS, Ended, Fault

CONNECT_S = 20.0
SESSION_S, SESSION_JITTER = 6_000.0, 0.2
"""After so long, or up to a fifth less, a TLS session makes way for another, and its connection with it: it may be
resumed for two hours only, and if ten thousand devices had to begin new ones at once, that would take twice as long.
"""
RENEW_AGAIN_S = 600.0
"""So long after asking for a certificate it is asked for again;"""
RENEW_SOON_S = 60.0
"""and so long after one could not be asked for in place of ours that had expired: the hub was busy, or not reached."""
_AT_ONCE_S = 0.05
UNHEARD = 5
"""So many connections in a row that broke without a word of the hub: our certificate may have expired by its clock."""


@dataclass(slots=True)
class Standing:
    """How the connection stands, for a person who looks on."""

    is_open: bool = False
    sessions: int = 0
    """Sessions that the hub welcomed."""
    last_end: Ended | None = None
    """Why the last one ended, or could not begin."""
    is_refused: bool = False
    """The hub does not want us without a person's help; it is asked again now and then."""


class Carrier:
    """Carries a queue to the hub for as long as `run` is awaited; `wake` it when something was put in."""

    def __init__(
        self,
        queue: Queue,
        identity: Identity,
        *,
        host: str,
        system: str,
        rng: Random,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Carry `queue` as `identity`; `on_change` is called when a receipt came or the link came or went."""
        self.standing = Standing()
        self._queue, self._identity = queue, identity
        self._context: Returning | None = None
        """What connections are made with; None: to be made, and with it a new TLS session."""
        self._context_ends = 0
        """When it makes way for another, by `clock`."""
        self._was_resumed = False
        """The last connection resumed a TLS session: TLS itself did not look at our certificate."""
        self._host, self._system = host, system
        self._rng, self._clock, self._on_change = rng, clock, on_change
        self._link: Link | None = None
        self._chance = rng.random()
        self._due: int | None = None
        """When to ask for a new certificate, by the hub's clock, UTC ns."""
        self._asked_at: int | None = None
        """When a certificate was last asked for."""
        self._revived_at: int | None = None
        """When one was asked for in place of one that had expired,"""
        self._revive_again_s = RENEW_AGAIN_S
        """and after how long that is done again."""
        self._expired: Ended | None = None
        """Why no certificate came in place of one that has expired, until the hub is heard again."""
        self._was_cut, self._unheard = False, 0
        """The last connection broke before the hub said anything, and how many did so in a row."""
        self._key: bytes | None = None
        """The key that it is for, until it has come."""

    def wake(self) -> None:
        """Say that something was put in the queue."""
        if self._link is not None:
            self._link.pump()

    @property
    def pause_s(self) -> float:
        """Return how long the hub asks us to wait between batches: what comes meanwhile is better sent together."""
        link = self._link
        return link.exchange.session.credit.delay_s if link is not None and link.exchange.is_open else 0.0

    async def run(self) -> None:
        """Carry until cancelled. Raises TheirFault where our own files cannot be used."""
        again = Reconnect(self._rng)
        while True:
            began = self._clock()
            ended = await self._once()
            self.standing.is_open, self.standing.last_end = False, ended
            self.standing.is_refused = ended.retry_s is not None and ended.retry_s < 0
            self._on_change()
            again.lasted((self._clock() - began) / NANOSECONDS)
            self._unheard = 0 if ended.fault is Fault.NOBODY or not self._was_cut else self._unheard + 1
            if self._unheard or self.standing.is_refused:
                self._context = None
            if self.standing.is_refused and self._was_resumed:  # told by TLS, it may be that ours has expired
                await asyncio.sleep(_AT_ONCE_S)
                continue
            if self._may_have_expired() and await self._revive():
                continue
            if self._expired is not None:  # whatever else this attempt ended with: that is why, and needs a person
                self.standing.last_end, self.standing.is_refused = self._expired, True
                self._on_change()
            await asyncio.sleep(again.delay_s(ended.retry_s))

    async def _once(self) -> Ended:
        """Return why a session ended, or why there was none."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Ended] = loop.create_future()
        exchange = Exchange(self._queue, carecordon.__version__, self._host, self._system, self._clock())
        link = Link(exchange, done, self._clock, self._changed)
        context, hub = self._fresh_enough(), self._identity.hub
        self._was_cut = self._was_resumed = False
        try:
            async with asyncio.timeout(CONNECT_S):
                await loop.create_connection(lambda: link, hub.host, hub.port, ssl=context)
        except (OSError, TimeoutError) as fault:
            if isinstance(fault, ssl.SSLError):
                self._context = None
            return Ended(f"the hub at {hub.host}:{hub.port} cannot be reached: {_words(fault)}", Fault.THEIRS)
        self._link, self._was_cut = link, True
        try:
            await asyncio.wait({done}, timeout=max(0.0, (self._context_ends - self._clock()) / NANOSECONDS))
            if done.done():
                return done.result()
            self._context = None
            return Ended("the connection is made anew, as from time to time", Fault.NOBODY, 0.0)
        finally:
            self._was_resumed = link.is_resumed
            link.leave("the device goes")
            self._link = None
            await link.closed()

    def _fresh_enough(self) -> Returning:
        """Return what to connect with: a TLS session that the hub will resume, or will begin."""
        now = self._clock()
        if self._context is None or now >= self._context_ends:
            self._context = self._identity.context()
            self._context_ends = now + int(SESSION_S * (1 - SESSION_JITTER * self._rng.random()) * NANOSECONDS)
        return self._context

    def _may_have_expired(self) -> bool:
        """Say whether it is time to ask for a certificate in place of ours, by the way that is for expired ones."""
        now = self._clock()
        is_over = time.time_ns() >= self._identity.life()[1] or self._unheard >= UNHEARD
        if not is_over or (
            self._revived_at is not None and now - self._revived_at < self._revive_again_s * NANOSECONDS
        ):
            return False
        self._revived_at = now
        return True

    async def _revive(self) -> bool:
        """Ask for a certificate in place of one that has expired; say whether there is a new one."""
        try:
            refused = await asyncio.to_thread(renew_expired, self._identity, self._host)
        except (TheirFault, OSError) as fault:
            refused = NotEnrolled(str(fault), may_retry=False)
        if refused is None:
            self._due, self._unheard, self.standing.is_refused, self._context = None, 0, False, None
            self._expired = None
            return True
        self._revive_again_s = RENEW_SOON_S if refused.may_retry else RENEW_AGAIN_S
        ended = Ended(f"the certificate has expired; {refused.reason}", Fault.NOBODY, -1.0)
        self._expired = None if refused.may_retry else ended
        self.standing.last_end, self.standing.is_refused = ended, not refused.may_retry
        self._on_change()
        return False

    def _changed(self) -> None:
        """Look at what came: a first welcome, a new certificate, a receipt."""
        link = self._link
        if link is not None and link.exchange.is_open and not link.done.done():
            self._was_cut, self._expired = False, None
            if not self.standing.is_open:
                self.standing.is_open, self.standing.is_refused = True, False
                self.standing.sessions += 1
            self._renew(link)
        self._on_change()

    def _renew(self, link: Link) -> None:
        """Take a new certificate that has come; ask for one when it is time by the hub's own clock."""
        certificate = link.exchange.take_renewed()
        if certificate is not None and self._key is not None:
            with contextlib.suppress(TheirFault):  # the old one is good still, and is shown until a right one comes
                self._identity.renew(self._key, certificate)
                self._context = None
                self._key, self._due, self._chance = None, None, self._rng.random()
        now, ahead = self._clock(), link.exchange.clock_ahead
        if self._due is None:
            self._due = renew_at(self._identity.life(), self._chance)
        is_asked = self._asked_at is not None and now - self._asked_at < RENEW_AGAIN_S * NANOSECONDS
        if ahead is None or is_asked or now + ahead < self._due:
            return
        self._asked_at, self._key = now, make_key()
        link.say(link.exchange.renew(make_request(self._key, self._host)))


def _words(fault: BaseException) -> str:
    number = fault.errno if isinstance(fault, OSError) and not isinstance(fault, ssl.SSLError) else None
    if number is not None and number > 0:
        return os.strerror(number)  # what asyncio says of it tells the address once more
    text = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return text or type(fault).__name__
