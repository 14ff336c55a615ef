"""A store that answers no question is left after what its questions may take, and told in our own words."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from carecordon.console.questions import READERS, ceiling
from carecordon.hub.config import Limits
from carecordon.hub.keeper.http import QUESTIONS
from carecordon.telemetry.answer import Ceiling
from carecordon.telemetry.backends import clickhouse
from carecordon.telemetry.backends.clickhouse import LOOPBACK, SLACK_S, WAVES, ClickHouseReader, Where

EVENTS = ("PC", 0, 10)


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port where calls are taken, and nobody ever reads them: as a process does that was stopped."""
    with socket.create_server((LOOPBACK, 0)) as stuck:
        yield stuck.getsockname()[1]


def at(port: int) -> Where:
    return Where(LOOPBACK, port, "reader", "invented")


def test_a_stuck_store_is_waited_for_as_long_as_a_question_may_take(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clickhouse, "SLACK_S", 0.0)
    with closing(ClickHouseReader(lambda: at(port), Ceiling(seconds=0.5))) as reader:
        for ask in (lambda: reader.events(*EVENTS), lambda: reader.ask("SELECT count() FROM events")):
            with pytest.raises(ConnectionError) as told:
                ask()
            assert str(told.value) == "the telemetry store has not answered for 1 s"


def test_a_store_that_is_not_there_is_told_without_its_inner_address() -> None:
    with socket.create_server((LOOPBACK, 0)) as gone:
        nobody = gone.getsockname()[1]
    with closing(ClickHouseReader(lambda: at(nobody))) as reader, pytest.raises(ConnectionError) as told:
        reader.events(*EVENTS)
    assert str(told.value) == "the telemetry store cannot be reached"


def test_a_question_may_wait_for_those_before_it() -> None:
    assert READERS <= WAVES * QUESTIONS
    assert WAVES * ceiling(Limits()).seconds + SLACK_S == 25
