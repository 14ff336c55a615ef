"""Every word in every state, at both ends: what has no place ends the session as the other side's fault."""

from __future__ import annotations

import itertools

import pytest

from carecordon.wire.device_session import DeviceSession
from carecordon.wire.hub_session import HubSession
from carecordon.wire.messages import Bye, FromDevice, FromHub, Welcome
from carecordon.wire.session import WORDS, Ended, Fault, Send, State, Word, read, write
from tests.wire.words import CREDIT, EPOCH, WORD, data_of

TO_DEVICE = {
    State.NEW: {"bye"},
    State.GREETING: {"welcome", "ping", "pong", "bye"},
    State.OPEN: {"receipt", "refusal", "recount", "issued", "ping", "pong", "bye"},
}
TO_HUB = {
    State.NEW: {"hello", "bye"},
    State.GREETING: {"ping", "pong", "bye"},
    State.OPEN: {"batch", "renew", "disown", "ping", "pong", "bye"},
}
"""What may come, written down a second time: the protocol itself."""
PAIRS = list(itertools.product(State, WORDS))


def device_in(state: State) -> DeviceSession:
    session = DeviceSession("1.0.0", "ward-pc-07", "Windows 11", EPOCH, 12, 0)
    if state is not State.NEW:
        session.hello()
    if state is State.OPEN:
        session.receive(write(WORD[Welcome]), 0)
        session.batch(10, 11, data_of(10, 11), 0)
    if state is State.ENDED:
        session.bye("done")
    assert session.state is state
    return session


def hub_in(state: State) -> HubSession:
    session = HubSession(0)
    if state is not State.NEW:
        session.receive(write(WORD[WORDS[0]]), 0)
    if state is State.OPEN:
        session.welcome(0, 9, CREDIT)
    if state is State.ENDED:
        session.bye("done", 1.0)
    assert session.state is state
    return session


def name(kind: type[Word]) -> str:
    return kind.__name__.lower()


@pytest.mark.parametrize(("state", "kind"), PAIRS)
def test_a_device_takes_a_word_where_it_may_come_and_nowhere_else(state: State, kind: type[Word]) -> None:
    check(device_in(state), state, kind, TO_DEVICE)


@pytest.mark.parametrize(("state", "kind"), PAIRS)
def test_a_hub_takes_a_word_where_it_may_come_and_nowhere_else(state: State, kind: type[Word]) -> None:
    check(hub_in(state), state, kind, TO_HUB)


def check(session: DeviceSession | HubSession, state: State, kind: type[Word], may: dict[State, set[str]]) -> None:
    events = session.receive(write(WORD[kind]), 1)
    if state is State.ENDED:
        assert events == []
    elif name(kind) in may[state]:
        assert not any(isinstance(event, Ended) and event.fault is Fault.THEIRS for event in events)
    else:
        said, ended = events
        assert isinstance(said, Send)
        assert isinstance(read(said.message), Bye)
        assert isinstance(ended, Ended)
        assert ended.fault is Fault.THEIRS
        assert f"`{name(kind)}`" in ended.reason
        assert session.state is State.ENDED


def test_the_tables_are_the_protocol() -> None:
    for table, may in ((DeviceSession.TABLE, TO_DEVICE), (HubSession.TABLE, TO_HUB)):
        assert {(state, name(kind)) for state, kind in table} == {
            (s, word) for s, words in may.items() for word in words
        }


def test_the_closed_lists_of_both_sides_are_all_there_is() -> None:
    assert set((FromDevice | FromHub).__args__) == set(WORDS)
    assert {kind for _, kind in HubSession.TABLE} == set(FromDevice.__args__)
    assert {kind for _, kind in DeviceSession.TABLE} == set(FromHub.__args__)
