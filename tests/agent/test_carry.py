"""An agent over a real connection: everything arrives once, in order, whatever the link does meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

from carecordon.agent.fill import Fresh
from carecordon.agent.queued import Kept
from carecordon.agent.rank import Rank
from carecordon.agent.run import Agent
from carecordon.agent.spool import Spool
from carecordon.wire.hub_session import HubSession
from carecordon.wire.messages import Credit
from tests.agent.hubs import TestHub, enrolled, make_ca, running, until
from tests.agent.spooling import Make, put, rows, tables, told


class Swift(Random):
    """Chance that never waits long, so that a reconnect comes at once."""

    def random(self) -> float:
        return 0.001


class Source:
    """A source that tests feed."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[Fresh | None] = asyncio.Queue()

    def give(self, text: str, count: int = 1, event_id: int = 1) -> None:
        self.waiting.put_nowait(Fresh(rows(count, event_id, text)))

    def end(self) -> None:
        self.waiting.put_nowait(None)

    async def events(self) -> AsyncIterator[Fresh]:
        while (fresh := await self.waiting.get()) is not None:
            yield fresh


async def arrived(hub: TestHub, batches: int) -> None:
    await until(lambda: len(hub.kept) == batches)


def agent(hub: TestHub, folder: Path, spool: Spool) -> Agent:
    identity = enrolled(hub.authority, folder / "state", hub.port)
    return Agent(spool, identity, host="ward-pc-07", system="Windows 11", rng=Swift())


def test_what_a_source_tells_is_on_the_hub_and_no_longer_on_the_device(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    async def play() -> None:
        async with running(hub):
            spool = make(tmp_path / "spool")
            one = agent(hub, tmp_path, spool)
            source = Source()
            for number in range(5):
                source.give(f"event {number}", 3)
            source.end()
            await one.run(source.events())
            assert spool.pending == 0
            assert [epoch for epoch, _ in hub.hellos] == [1]

    asyncio.run(play())
    assert len(hub.lines()) == 15
    assert sorted({line.rsplit(" ", 1)[0] for line in hub.lines()}) == [f"event {number}" for number in range(5)]


def test_a_single_event_does_not_wait_for_others(tmp_path: Path, hub: TestHub, make: Make) -> None:
    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, make(tmp_path / "spool")), Source()
            running_agent = asyncio.ensure_future(one.run(source.events()))
            for number in range(3):
                source.give(f"event {number}")
                await arrived(hub, number + 1)
            source.end()
            await running_agent

    asyncio.run(play())
    assert hub.lines() == [f"event {number} 0" for number in range(3)]


def test_after_each_cut_it_goes_on_from_the_hubs_mark(tmp_path: Path, hub: TestHub, make: Make) -> None:
    async def play() -> None:
        async with running(hub):
            spool = make(tmp_path / "spool")
            one, source = agent(hub, tmp_path, spool), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            for number in range(6):
                source.give(f"event {number}")
                await arrived(hub, number + 1)
                await hub.cut()
            source.give("last")
            source.end()
            await working
            assert spool.pending == 0

    asyncio.run(play())
    assert hub.lines() == [*(f"event {number} 0" for number in range(6)), "last 0"]
    assert len(hub.hellos) >= 6
    assert [is_resumed for _, is_resumed in hub.shown] == [False, *[True] * (len(hub.shown) - 1)]


def test_what_piled_up_while_the_hub_was_away_comes_whole_and_in_order(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    spool = make(tmp_path / "spool", 8 << 20)
    for number in range(60):
        put(spool, 2, Rank(1 + number % 3), text=f"event {number}", size=20_000)

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, spool), Source()
            source.end()
            await one.run(source.events())

    asyncio.run(play())
    assert [(first, last) for _, first, last, _ in hub.kept] == [(2 * number, 2 * number + 1) for number in range(60)]


def test_a_hub_that_cannot_take_a_batch_now_gets_it_and_all_behind_it_later(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    spool = make(tmp_path / "spool")
    for number in range(12):
        put(spool, 1, text=f"event {number}")
    refused: list[int] = []

    def before(session: HubSession, first: int, _: int) -> bytes | None:
        if first in (3, 7) and refused.count(first) < 2:
            refused.append(first)
            return session.refuse(first, "the disk is nearly full", 0.02)
        return None

    hub.before = before

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, spool), Source()
            source.end()
            await one.run(source.events())

    asyncio.run(play())
    assert [first for _, first, _, _ in hub.kept] == list(range(12))
    assert refused == [3, 3, 7, 7]


def test_what_the_hub_will_never_take_is_counted_and_the_rest_goes_on(tmp_path: Path, hub: TestHub, make: Make) -> None:
    spool = make(tmp_path / "spool")
    for number in range(4):
        put(spool, 2, text=f"event {number}")
    hub.before = lambda session, first, _: session.refuse(first, "it unpacks to too much", -1) if first == 2 else None

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, spool), Source()
            source.end()
            await one.run(source.events())
            assert spool.pending == 0

    asyncio.run(play())
    assert [first for _, first, _, _ in hub.kept] == [0, 4, 6, 8]
    (loss,) = told([_kept(one) for one in hub.kept])
    assert (loss["id"], loss["Events"], loss["FirstNumber"], loss["LastNumber"]) == (4, 2, 2, 3)
    assert "unpacks" in loss["Message"]


def test_credit_is_obeyed_and_batches_grow(tmp_path: Path, hub: TestHub, make: Make) -> None:
    hub.credit = Credit(1e6, 0.3)

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, make(tmp_path / "spool")), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            source.give("first")
            await until(lambda: len(hub.kept) == 1)
            for number in range(40):
                source.give(f"event {number}")
            source.end()
            await working

    started = time.monotonic()
    asyncio.run(play())
    assert len(hub.lines()) == 41
    assert len(hub.kept) <= 4
    assert time.monotonic() - started >= 0.3, "a batch came sooner than credit allowed"


def test_when_another_goes_on_with_our_count_what_is_left_comes_under_a_new_one(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    spool = make(tmp_path / "spool")
    for number in range(3):
        put(spool, 2, text=f"event {number}")
    hub.marks[1] = 900  # a copy of the device was here before it

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, spool), Source()
            source.end()
            await one.run(source.events())

    asyncio.run(play())
    assert hub.hellos == [(1, 6), (2, 6)]
    assert [(epoch, first, last) for epoch, first, last, _ in hub.kept] == [(2, 0, 1), (2, 2, 3), (2, 4, 5)]
    assert [list(table.sequence) for table in tables([_kept(one) for one in hub.kept])] == [[0, 1], [2, 3], [4, 5]]


def test_an_old_count_is_carried_to_its_end_before_the_new_one(tmp_path: Path, hub: TestHub, make: Make) -> None:
    spool = make(tmp_path / "spool")
    put(spool, 2, text="old")
    spool._begin_anew()
    put(spool, 2, text="new")
    hub.marks[1] = 5  # it has more of the old count than we remember giving away

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, spool), Source()
            source.end()
            await one.run(source.events())

    hub.marks = {}
    asyncio.run(play())
    assert [(epoch, first, last) for epoch, first, last, _ in hub.kept] == [(1, 0, 1), (2, 0, 1)]


def test_half_way_through_its_life_a_certificate_is_renewed_with_a_new_key(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    hub.clock = lambda: time.time_ns() + 20 * 86_400 * 10**9

    async def play() -> None:
        async with running(hub):
            identity = enrolled(hub.authority, tmp_path / "state", hub.port)
            before = identity.file.read_bytes()
            one = Agent(make(tmp_path / "spool"), identity, host="ward-pc-07", system="Linux", rng=Swift())
            source = Source()
            working = asyncio.ensure_future(one.run(source.events()))
            await until(lambda: identity.file.read_bytes() != before)
            assert identity.file.stat().st_mode & 0o777 == 0o600
            hub.clock = time.time_ns
            await hub.cut()
            source.give("with the new certificate")
            source.end()
            await working

    asyncio.run(play())
    assert hub.lines() == ["with the new certificate 0"]
    assert hub.renewals == 1
    assert [is_resumed for _, is_resumed in hub.shown] == [False, False], "a session is that of its certificate"
    assert hub.shown[0][0] != hub.shown[1][0]


def test_a_hub_that_sends_us_away_for_good_is_told_as_such_and_nothing_is_lost(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    hub.on_hello = lambda session: session.bye("the device has been revoked", -1.0)

    async def play() -> None:
        async with running(hub):
            spool = make(tmp_path / "spool")
            one, source = agent(hub, tmp_path, spool), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            source.give("event")
            await until(lambda: one.standing.is_refused and spool.pending)
            working.cancel()
            await asyncio.wait({working})
            assert one.standing.last_end is not None
            assert one.standing.last_end.reason == "the device has been revoked"
            assert spool.pending == 1

    asyncio.run(play())


def test_another_hub_under_the_same_address_is_not_spoken_to(tmp_path: Path, hub: TestHub, make: Make) -> None:
    other = TestHub(make_ca(tmp_path / "other"), tmp_path / "other")

    async def play() -> None:
        async with running(other):
            hub.port = other.port
            one, source = agent(hub, tmp_path, make(tmp_path / "spool")), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            source.give("event")
            await until(lambda: one.standing.last_end is not None)
            working.cancel()
            await asyncio.wait({working})
            assert "cannot be reached" in str(one.standing.last_end)

    asyncio.run(play())
    assert other.hellos == []


def _kept(one: tuple[int, int, int, bytes]) -> Kept:
    return Kept(*one)
