"""A device that is there and says nothing any more is told once, whatever restarts, waits or is set in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carecordon.hub.news.quiet import MANY
from carecordon.hub.worker.channels_heard import CHARS, UNNAMED, ChannelsHeard
from carecordon.hub.worker.merge import Sent, merge
from carecordon.hub.worker.sources import OFTEN
from carecordon.model.batch import Rows
from carecordon.model.event import Kind, LogSource
from carecordon.model.gather import gather
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.hub.test_channels_heard import LIMIT_S, MINUTE, SENDER, Worker, heard

SILENT = ["every source of pc-00 has been quiet"]
NIGHT = 14 * 60


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    SQLITE.prepare(str(tmp_path / "register.db"))
    opened = SQLITE.open_register(str(tmp_path / "register.db"))
    yield opened
    opened.close()


@pytest.fixture
def worker(register: Register) -> Worker:
    return Worker(register).start()


def stay(worker: Worker, minutes: int, *senders: str, counts: bool = True) -> None:
    """Let so many minutes pass, in each of which senders answer the gate and say nothing."""
    for _ in range(minutes):
        worker.now += MINUTE
        worker.channels.there(dict.fromkeys(senders or (SENDER,), worker.now), worker.now, counts=counts)
    worker.look()


@pytest.mark.parametrize("sources", [["Security"], ["Security", "System"]])
def test_a_device_that_is_there_and_says_nothing_any_more_is_told(worker: Worker, sources: list[str]) -> None:
    worker.hear(*sources, minutes=OFTEN)
    last = worker.now
    stay(worker, 28)
    assert worker.told() == []
    stay(worker, 2)
    assert worker.told() == SILENT, "once, however many sources it has"
    (trouble,) = worker.register.cases.troubles()
    assert (trouble.key, trouble.device, trouble.since) == (f"source/{SENDER}/", SENDER, last)
    stay(worker, 60)
    assert (worker.told(), worker.ever()) == (SILENT, 1)
    worker.hear(sources[0], minutes=1)
    assert (worker.told(), worker.ever()) == ([], 1)


def test_a_device_that_speaks_each_minute_is_missed_no_sooner_than_is_set(worker: Worker) -> None:
    for _ in range(OFTEN * 6):
        worker.now += MINUTE // 6
        worker.channels.see(heard(["Security"], worker.now))
    stay(worker, 10)
    assert worker.told() == []
    stay(worker, 1)
    assert worker.told() == SILENT


def test_a_device_that_is_away_is_not_told_here(worker: Worker) -> None:
    worker.hear("Security", minutes=OFTEN)
    worker.now += 600 * MINUTE
    worker.look()
    stay(worker, 26)
    assert worker.ever() == 0, "what it was away for does not count"


def test_a_device_that_speaks_rarely_is_not_missed(worker: Worker) -> None:
    worker.hear("Setup", minutes=OFTEN - 1)
    stay(worker, 600)
    assert worker.ever() == 0


def test_nights_with_nothing_to_say_are_told_once(worker: Worker) -> None:
    for _ in range(3):
        worker.hear("Security", minutes=8 * 60)
        stay(worker, NIGHT)
    assert worker.ever() == 1
    worker.hear("Security", minutes=60)
    stay(worker, 2 * NIGHT - 1)
    assert worker.told() == []
    stay(worker, 10)
    assert worker.told() == SILENT


def test_while_events_wait_silence_is_no_proof(worker: Worker) -> None:
    worker.hear("Security", minutes=OFTEN)
    stay(worker, 60, counts=False)
    stay(worker, 28)
    assert worker.ever() == 0
    stay(worker, 2)
    assert worker.told() == SILENT


@pytest.mark.parametrize("is_killed", [False, True])
def test_it_is_told_once_over_restarts_and_ends(worker: Worker, is_killed: bool) -> None:
    worker.hear("Security", minutes=OFTEN)
    for _ in range(10):
        stay(worker, 6)
        if not is_killed:
            worker.stop()
        worker.start()
        worker.look()
    assert (worker.told(), worker.ever()) == (SILENT, 1)
    worker.start()
    worker.hear("Security", minutes=1)
    assert (worker.told(), worker.ever()) == ([], 1)
    worker.start()
    worker.look()
    assert (worker.told(), worker.ever()) == ([], 1)


def test_what_was_told_is_known_where_the_note_is_lost(worker: Worker) -> None:
    worker.hear("Security", minutes=OFTEN)
    stay(worker, 40)
    worker.register.checkpoints.set("sources/0/0", b"no note")
    worker.start()
    worker.look()
    assert SILENT[0] in worker.told()
    worker.hear("Security", minutes=1)
    assert not [one for one in worker.register.cases.troubles() if one.kind == "source"]


@pytest.mark.parametrize("leap", [-3_650 * 1_440, 3_650 * 1_440])
def test_a_clock_that_is_set_proves_nothing_and_hides_nothing(worker: Worker, leap: int) -> None:
    worker.hear("Security", minutes=OFTEN)
    worker.now += leap * MINUTE
    stay(worker, 5)
    worker.hear("Security", minutes=1)
    assert worker.ever() == 0
    stay(worker, 45)
    assert worker.told() == SILENT
    worker.now -= leap * MINUTE
    worker.hear("Security", minutes=1)
    assert worker.told() == []


def test_many_that_fall_silent_at_once_are_one(worker: Worker) -> None:
    many = tuple(f"a{number:02}" for number in range(MANY))
    worker.hear("Security", minutes=OFTEN, senders=many)
    stay(worker, 40, *many)
    (text,) = worker.told()
    assert text.startswith(f"{MANY} sources fell quiet together: every source of")


def test_it_is_called_as_it_enrolled(worker: Worker) -> None:
    worker.channels = ChannelsHeard(LIMIT_S, called=lambda sender: f"forwarder {sender}")
    worker.hear("Security", minutes=OFTEN)
    stay(worker, 40)
    assert worker.told() == [f"every source of forwarder {SENDER} has been quiet"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind(None, None, None, LogSource("linux", None, "auth")), "linux/auth"),
        (Kind(None, "x" * 2 * CHARS, 1), "x" * CHARS),
        (Kind(None, None, None), UNNAMED),
        (Kind("", None, None, LogSource()), UNNAMED),
    ],
)
def test_a_source_without_a_log_is_missed_too(worker: Worker, kind: Kind, name: str) -> None:
    kinds = [kind, Kind("System", None, 1)]
    for minute in range(OFTEN + 40):
        worker.now += MINUTE
        spoke = kinds if minute < OFTEN else kinds[1:]
        count = len(spoke)
        rows = Rows(spoke, [{}] * count, [worker.now] * count, ["pc-00"] * count, [None] * count, list(range(count)))
        worker.channels.see(merge([Sent(gather(rows), SENDER, 1, 0, worker.now, None)]))
    worker.look()
    assert worker.told() == [f"{name} of pc-00 has been quiet"]
