"""A device that comes back resumes its TLS session, for as long as the hub will, and only where that serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from carecordon.agent import carry
from carecordon.agent.carry import Carrier
from carecordon.wire.hub_session import HubSession
from carecordon.wire.session import NANOSECONDS
from tests.agent.hubs import TestHub, enrolled, running, until
from tests.agent.spooling import Make
from tests.agent.test_carry import Source, Swift, agent


def said_hello(hub: TestHub, times: int) -> bool:
    return len(hub.hellos) >= times


def test_a_session_that_has_lasted_long_is_begun_anew_and_nothing_is_lost(
    tmp_path: Path, hub: TestHub, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "SESSION_S", 0.2)

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, make(tmp_path / "spool")), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            for number in range(6):
                source.give(f"event {number}")
                await until(partial(said_hello, hub, number + 2))
            source.end()
            await working

    asyncio.run(play())
    assert hub.lines() == [f"event {number} 0" for number in range(6)]
    assert not any(is_resumed for _, is_resumed in hub.shown), "each with a new ticket"


def test_a_session_that_was_resumed_is_begun_anew_when_the_first_is_old(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    now = [0]

    async def play() -> None:
        async with running(hub):
            identity = enrolled(hub.authority, tmp_path / "state", hub.port)
            one = Carrier(
                make(tmp_path / "spool"), identity, host="ward", system="Linux", rng=Swift(), clock=lambda: now[0]
            )
            working = asyncio.ensure_future(one.run())
            for times, age_s in enumerate((0, 3_000, 5_000, 6_001)):
                now[0] = age_s * NANOSECONDS
                await until(partial(said_hello, hub, times + 1))
                await hub.cut()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    asyncio.run(play())
    assert [is_resumed for _, is_resumed in hub.shown[:4]] == [False, True, True, False]


def test_who_is_sent_away_on_a_resumed_session_tries_a_new_one_at_once(
    tmp_path: Path, hub: TestHub, make: Make
) -> None:
    """TLS did not look at the certificate, and where that has expired by the hub's clock, only TLS has it renewed."""
    hub.on_hello = lambda session: session.bye("not you", -1.0) if hub.shown[-1][1] else None

    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, make(tmp_path / "spool")), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            await until(partial(said_hello, hub, 1))
            await hub.cut()
            source.give("let in again")
            source.end()
            async with asyncio.timeout(20):
                await working

    asyncio.run(play())
    assert hub.lines() == ["let in again 0"]
    assert [is_resumed for _, is_resumed in hub.shown] == [False, True, False]


def test_a_session_that_ends_without_a_word_is_not_resumed(tmp_path: Path, hub: TestHub, make: Make) -> None:
    async def play() -> None:
        async with running(hub):
            one, source = agent(hub, tmp_path, make(tmp_path / "spool")), Source()
            working = asyncio.ensure_future(one.run(source.events()))
            await until(partial(said_hello, hub, 1))
            hub.on_hello = _cutting(hub)
            await hub.cut()
            await until(partial(said_hello, hub, 3))
            source.end()
            async with asyncio.timeout(20):
                await working

    asyncio.run(play())
    assert [is_resumed for _, is_resumed in hub.shown[:3]] == [False, True, False]


def _cutting(hub: TestHub) -> Callable[[HubSession], bytes | None]:
    """Return what cuts the next connection instead of answering its hello."""

    def cut(_: HubSession) -> bytes | None:
        hub.on_hello = lambda _: None
        for socket in hub.sockets:
            socket.transport.abort()
        return None

    return cut
