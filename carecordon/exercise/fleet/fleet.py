"""A fleet: thousands of agents in one process, each with its own key, clock, session, spool and story.

>>> async with Fleet(config, identities) as fleet:
...     await fleet.connect()
...     async for figures in fleet.run(seconds=60): ...
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

import numpy as np

import carecordon
from carecordon.agent.exchange import Exchange
from carecordon.agent.identity import Identity
from carecordon.agent.losses import telling
from carecordon.agent.queued import Part
from carecordon.agent.spool import Spool
from carecordon.exercise.fleet.clock import clock_of
from carecordon.exercise.fleet.faults import Faults, FaultyLink
from carecordon.exercise.fleet.figures import NS, Delays, Figures
from carecordon.exercise.fleet.gates import Contexts, Pace
from carecordon.exercise.fleet.ledger import Act, Ledger
from carecordon.exercise.fleet.member import Member, Planted, Role, Store
from carecordon.exercise.fleet.memory import MemorySpool
from carecordon.exercise.fleet.pattern import Tape, machine_of, names_of, renamed
from carecordon.exercise.fleet.player import Player
from carecordon.model.block import Run
from carecordon.model.errors import TheirFault
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.wire.reconnect import Reconnect
from carecordon.wire.session import Ended, Fault

CONNECT_S = 30.0
GC_THRESHOLD = (50_000, 20, 50)
"""Objects between two collections: devices stay, and what they say holds no circles."""
ON_DISK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """What a fleet is.

    `tapes`: the stories; devices are dealt out one hospital after the other, each a copy of one of them in turn, the
    first the first tape itself. `events_per_s` is the mean of all devices together; None: `speed` says how many times
    as fast as it was recorded it is played. `is_aligned`: all copies begin their story together, else anywhere in it.
    `is_endless`: a story that is over begins again. `keeps_times`: events are dated as far apart as in the story, the
    first `back_s` seconds before now; else as they are told. `connects_per_s`: so many begin to connect each second.
    `keeps_contexts`: each device keeps its TLS context (30 KB) and resumes its TLS session, as an agent does.
    `clocks_off_s`, `drift_ppm`: each device's clock is off by at most so much, and runs at most so fast or slow, drawn
    from the seed; `Member.clock` may be set anew at any time. The account and the figures go by the true time.
    `ledger`: the file of the account. `spools`: a folder for spools on disk; None: in memory.
    """

    tapes: tuple[Tape, ...]
    events_per_s: float | None = None
    speed: float = 1.0
    is_aligned: bool = False
    is_endless: bool = True
    keeps_times: bool = False
    back_s: float = 0.0
    connects_per_s: float = 300.0
    keeps_contexts: bool = True
    clocks_off_s: float = 0.0
    drift_ppm: float = 0.0
    seed: int = 1
    ledger: Path | None = None
    spools: Path | None = None
    faults: Faults = field(default_factory=Faults)


def names_for(tapes: Sequence[Tape], devices: int) -> list[str]:
    """Return what the devices of a fleet call themselves, in the order in which they get their roles."""
    return [name for name, _ in _cast(tapes, devices)]


def _cast(tapes: Sequence[Tape], devices: int) -> list[tuple[str, Role]]:
    """Return name and role of each device; a device whose story is empty is passed over."""
    found: list[tuple[str, Role]] = []
    offsets: dict[int, Any] = {}
    copy = 0
    while len(found) < devices:
        which = copy % len(tapes)
        names = names_of(copy)
        for place, pattern in enumerate(tapes[which].patterns):
            number = which * 10_000 + place
            if not pattern.rows or len(found) == devices:
                continue
            if number not in offsets:
                offsets[number] = np.array(pattern.offsets, np.int64)
            own = (*names, machine_of(pattern, copy)) if copy else ()
            found.append(
                (renamed(pattern.full_name, names), Role(number, pattern, own, offsets[number], tapes[which].length))
            )
        copy += 1
    return found


class Fleet:
    """Agents that run in the event loop they are made in. See `load` and `faults`, which may be changed at any time."""

    def __init__(self, config: FleetConfig, identities: Sequence[Identity]) -> None:
        """Make a device of each identity; they were named by `names_for`."""
        self.config, self.faults = config, config.faults
        self._rng = Random(config.seed)  # noqa: S311  # a fleet is to be the same each time
        self._ledger = Ledger(config.ledger, [identity.hub.device for identity in identities])
        roles = _cast(config.tapes, len(identities))
        self.members = [
            self._member(index, identity, *role)
            for index, (identity, role) in enumerate(zip(identities, roles, strict=True))
        ]
        self._mean_rate = self._natural_rate()
        self._player = Player(
            self.members,
            self._mean_rate,
            self.faults,
            self._rng,
            self._written,
            is_endless=config.is_endless,
            keeps_times=config.keeps_times,
            back_ns=int(config.back_s * NS),
        )
        self._contexts, self._pace = Contexts(is_kept=config.keeps_contexts), Pace(config.connects_per_s)
        self._normaliser = Normaliser()
        self._delays, self._ends = Delays(), Counter[str]()
        self._tasks: list[asyncio.Task[None]] = []
        self._threshold = gc.get_threshold()
        self._began = time.monotonic()
        self.online = self.sessions_total = 0
        self.written_total = self.acknowledged_total = self.batches_total = 0

    @property
    def load(self) -> float:
        """Return how many times the mean is told at present."""
        return self._player.rate / self._mean_rate

    @load.setter
    def load(self, times: float) -> None:
        self._player.rate = self._mean_rate * times

    def warm(self, *loads: float) -> None:
        """Encode beforehand what is told at these loads: the fleet does not disturb the first minutes then."""
        for load in loads:
            self._player.warm(self._mean_rate * load)

    async def __aenter__(self) -> Self:
        """Begin to connect."""
        gc.freeze()  # the stories stay to the end
        gc.set_threshold(*GC_THRESHOLD)
        self._tasks = [asyncio.ensure_future(self._hold(member)) for member in self.members]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let all go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        gc.set_threshold(*self._threshold)
        for member in self.members:
            member.spool.close()
        self._ledger.close()

    async def connect(self, share: float = 1.0, within_s: float = 600.0) -> float:
        """Return after how many seconds this share of the devices was online. Raises TimeoutError."""
        began = time.monotonic()
        async with asyncio.timeout(within_s):
            while self.online < share * len(self.members):  # noqa: ASYNC110  # an event a device would cost more
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    async def settle(self, within_s: float = 60.0) -> None:
        """Wait until everything that was written is acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while any(member.spool.pending or member.planted or member.held for member in self.members):
                for member in self.members:
                    if member.held or member.planted:
                        self._player.flush(member)
                await asyncio.sleep(0.05)
        self._ledger.flush()

    async def run(self, seconds: float | None = None) -> AsyncIterator[Figures]:
        """Play, and yield figures each second, for so many seconds or until every story is over."""
        self._player.begin(is_aligned=self.config.is_aligned)
        playing = asyncio.ensure_future(self._player.play())
        began = time.monotonic()
        try:
            second = 0
            while seconds is None or second < seconds:
                second += 1
                rest = began + second - time.monotonic()
                await asyncio.wait({playing}, timeout=max(0.0, rest))
                self._drop_some()
                yield self.figures()
                if playing.done():
                    playing.result()
                    return
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
            self._ledger.flush()

    def figures(self) -> Figures:
        """Return the figures of now; the delays are those since the last call."""
        p50, p99, most = self._delays.second()
        ended, self._ends = dict(self._ends), Counter()
        return Figures(
            at_s=time.monotonic() - self._began,
            devices=len(self.members),
            online=self.online,
            sessions_total=self.sessions_total,
            written_total=self.written_total,
            acknowledged_total=self.acknowledged_total,
            batches_total=self.batches_total,
            waiting=self.written_total - self.acknowledged_total,
            ack_p50_ms=p50,
            ack_p99_ms=p99,
            ack_max_ms=most,
            behind_s=self._player.behind_s,
            cpu_s=time.process_time(),
            ended=ended,
        )

    def ack_ms(self, share: float, waiting_ns: Collection[int] = ()) -> float | None:
        """Return a percentile of all delays between the spool and the receipt, in ms; `waiting_ns` as they count."""
        return self._delays.overall_ms(share, waiting_ns)

    def waiting_ns(self) -> list[int]:
        """Return the age of each batch in a spool that has no receipt yet."""
        now = time.monotonic_ns()
        return [now - kept for member in self.members for kept in member.unacknowledged()]

    def begin_delays(self) -> None:
        """Forget all delays up to now: what `ack_ms` tells begins here."""
        self._delays = Delays()

    def plant(self, index: int, document: dict[str, Any]) -> Planted:
        """Let a device see an event now: a flat document, dated now by the device's clock and named after it.

        It travels as any other does. Raises TheirFault for a document that is no event.
        """
        member, now = self.members[index], time.time_ns()
        rows, refused = self._normaliser.read(Run(1, [{**document, "Computer": member.name}]))
        if refused:
            raise TheirFault(f"planted: {refused[0].reason}")
        kind, fields, _, device, record, _ = rows[0]
        row = (kind, fields, member.clock.at(now), device, record, 1)
        planted = Planted(member.identity.hub.device, member.name, row, now)
        member.planted.append(planted)
        self._player.make_due(member, time.monotonic())
        return planted

    def clone(self, index: int) -> Member:
        """Let a second machine go on with a device's key and count, beginning now; return it."""
        first = self.members[index]
        if not isinstance(first.spool, MemorySpool):
            raise TheirFault("a device whose spool is on disk cannot be cloned here")
        place = len(self.members)
        twin = self._member(place, first.identity, first.name, first.role, first.spool.copy(self._draw))
        twin.account, twin.cursor, twin.base = index, first.cursor, first.base
        self.members.append(twin)
        self._tasks.append(asyncio.ensure_future(self._hold(twin)))
        self._player.join(twin)
        return twin

    def _member(self, index: int, identity: Identity, name: str, role: Role, spool: Store | None = None) -> Member:
        config, now = self.config, time.time_ns()
        clock = clock_of(config.seed, index, config.clocks_off_s, config.drift_ppm, now)
        if spool is None and config.spools is not None:
            tell = telling(name, lambda: clock.at(time.time_ns()))
            spool = Spool(config.spools / f"{index:05d}", tell, ON_DISK_BYTES)
        spool = spool or MemorySpool(self._draw)
        return Member(index, identity, name, role, spool, clock, self._acknowledged, self._renumbered)

    @staticmethod
    def _draw() -> int:
        return secrets.randbits(63)

    def _natural_rate(self) -> float:
        """Return how many times as fast as recorded the stories are played, where the load is 1."""
        if self.config.events_per_s is None:
            return self.config.speed
        per_s = sum(len(one.role.offsets) / (one.role.length / NS) for one in self.members)
        return self.config.events_per_s / per_s

    async def _hold(self, member: Member) -> None:
        """Keep a device connected."""
        again = Reconnect(self._rng)
        await self._pace.wait()
        while True:
            began = time.monotonic()
            ended = await self._session(member, again)
            self._ends[ended.reason[:100]] += 1
            again.lasted(time.monotonic() - began)
            await asyncio.sleep(again.delay_s(ended.retry_s))

    async def _session(self, member: Member, again: Reconnect) -> Ended:
        """Return why a session ended, or why there was none."""
        loop, hub = asyncio.get_running_loop(), member.identity.hub
        done: asyncio.Future[Ended] = loop.create_future()
        is_counted = False

        def changed() -> None:
            nonlocal is_counted
            if link.exchange.is_open and not is_counted and not done.done():
                is_counted = True
                again.failures = 0
                self.online += 1
                self.sessions_total += 1

        async with self._contexts.of(member.identity) as context:  # a device by itself would wait for none
            exchange = Exchange(member, carecordon.__version__, member.name, "exercise", time.monotonic_ns())
            link = FaultyLink(exchange, done, time.monotonic_ns, changed, self.faults, self._rng)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.create_connection(lambda: link, hub.host, hub.port, ssl=context)
            except (OSError, TimeoutError) as fault:
                return Ended(f"no connection: {str(fault) or type(fault).__name__}", Fault.THEIRS)
        member.link = link
        try:
            return await done
        finally:
            member.link = None
            self.online -= is_counted
            link.leave("the device goes")
            await link.closed()

    def _drop_some(self) -> None:
        """Cut the connections that are to be cut this second."""
        if self.faults.drop_per_s:
            for member in self.members:
                if member.link is not None and self._rng.random() < self.faults.drop_per_s:
                    member.link.cut()

    def _written(self, member: Member, parts: list[Part], is_planted: bool) -> None:  # noqa: FBT001  # as Player asks
        act, now = Act.PLANTED if is_planted else Act.WRITTEN, time.time_ns()
        for part in parts:
            self.written_total += part.events
            self._ledger.note(act, member.account, member.spool.epoch, part.first, part.last, now)
        self.batches_total += len(parts)

    def _acknowledged(self, member: Member, epoch: int, mark: int, kept: list[tuple[int, int]]) -> None:
        """Take in a receipt: `kept` is when each batch that it covers was kept, and of how many events it is."""
        if not kept:
            return
        now = time.monotonic_ns()
        for at, events in kept:
            self._delays.add(now - at)
            self.acknowledged_total += events
        at_utc = time.time_ns()
        self._ledger.note(Act.ACKNOWLEDGED, member.account, epoch, 0, mark, at_utc)
        waiting = member.waiting_for
        while waiting and waiting[0].epoch == epoch and waiting[0].number <= mark:
            waiting.popleft().acknowledged = at_utc

    def _renumbered(self, member: Member, epoch: int, first: int) -> None:
        """Write down that what has no receipt goes by other numbers now."""
        now, fresh = time.time_ns(), member.spool.epoch
        self._ledger.note(Act.RENUMBERED, member.account, epoch, first, member.spool.given(epoch), now)
        after = -1
        while some := member.spool.read(fresh, after, 1 << 20):
            for one in some:
                self._ledger.note(Act.WRITTEN, member.account, fresh, one.first, one.last, now)
            after = some[-1].last
