"""A source that stops while its device goes on is told once, whatever restarts, stands still or is set in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from carecordon.hub.news.quiet import MANY, SECOND
from carecordon.hub.worker import sources as table
from carecordon.hub.worker.channels_heard import ChannelsHeard, teller_of, whose
from carecordon.hub.worker.merge import Sent, merge
from carecordon.hub.worker.notes import Notes
from carecordon.hub.worker.sources import FORGOTTEN_H, OF_SENDER, OFTEN, PIECE
from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.model.kept import Trouble
from carecordon.model.merged import Merged
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register

T0 = 1_700_000_000 * SECOND
MINUTE = 60 * SECOND
LIMIT_S = 600.0
SENDER = "5e"


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    SQLITE.prepare(str(tmp_path / "register.db"))
    opened = SQLITE.open_register(str(tmp_path / "register.db"))
    yield opened
    opened.close()


def heard(channels: list[str], now: int, sender: str = SENDER) -> Merged:
    """Return a batch of one event of each channel."""
    count = len(channels)
    kinds = [Kind(channel, None, 1) for channel in channels]
    rows = Rows(kinds, [{}] * count, [now] * count, ["pc-00"] * count, [None] * count, list(range(count)))
    return merge([Sent(gather(rows), sender, 1, 0, now, None)])


def partition_of(sender: str) -> int:
    return 1 if sender.startswith("b") else 0


@dataclass(slots=True)
class Worker:
    """What a worker does about sources, with a clock that is set by hand."""

    register: Register
    now: int = T0
    number: int = 0
    of: int = 1
    channels: ChannelsHeard = field(default_factory=lambda: ChannelsHeard(LIMIT_S))

    def start(self) -> Worker:
        """Begin as a process begins: nothing is known but what stands in the register."""
        self.channels = ChannelsHeard(LIMIT_S, partition_of, whose(self.number))
        own = [one for one in range(2) if one % self.of == self.number]
        told = [one for one in self.register.cases.troubles(limit=50_000) if self._is_mine(one, own)]
        self.channels.resume(Notes(self.register, lambda: self.now), own, told, self.now)
        return self

    def stop(self) -> None:
        """End as a process does that is asked to."""
        self.channels.note_all(Notes(self.register, lambda: self.now))

    def hear(self, *channels: str, minutes: int, senders: tuple[str, ...] = (SENDER,)) -> None:
        """Let so many minutes pass, in each of which every channel says something, and look around now and then."""
        for minute in range(1, minutes + 1):
            self.now += MINUTE
            for sender in senders:
                self.channels.see(heard(list(channels), self.now, sender))
            if minute % 10 == 0 or minute == minutes:
                self.look()

    def look(self) -> None:
        news = self.channels.news(self.now)
        self.channels.note(Notes(self.register, lambda: self.now))
        self.register.cases.trouble(news)

    def told(self) -> list[str]:
        return [one.text.partition(" for ")[0] for one in self.register.cases.troubles()]

    def ever(self) -> int:
        return len(self.register.cases.troubles(is_over=None))

    def _is_mine(self, trouble: Trouble, own: list[int]) -> bool:
        if trouble.device is None:
            return teller_of(trouble) % self.of == self.number
        return partition_of(trouble.device) in own


@pytest.fixture
def worker(register: Register) -> Worker:
    return Worker(register).start()


SECURITY = ["Security of pc-00 has been quiet"]


def test_a_source_that_stops_while_its_device_goes_on_is_told(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    last = worker.now
    worker.hear("System", minutes=28)
    assert worker.told() == []
    worker.hear("System", minutes=1)
    assert worker.told() == SECURITY
    (trouble,) = worker.register.cases.troubles()
    assert (trouble.key, trouble.device, trouble.since) == (f"source/{SENDER}/Security", SENDER, last)
    worker.hear("Security", minutes=1)
    assert (worker.told(), worker.ever()) == ([], 1)
    (trouble,) = worker.register.cases.troubles(is_over=True)
    assert trouble.until == worker.now


def test_a_source_that_seldom_speaks_or_whose_device_is_gone_is_not_missed(worker: Worker) -> None:
    worker.hear("Setup", "System", minutes=OFTEN - 1)
    worker.hear("System", minutes=1)
    worker.now += 600 * MINUTE
    worker.look()
    worker.hear("System", minutes=60)
    assert worker.ever() == 0


def test_what_stood_quiet_when_its_device_went_stays_told(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    worker.hear("System", minutes=40)
    worker.now += 600 * MINUTE
    worker.look()
    assert worker.told() == SECURITY
    worker.hear("System", minutes=40)
    assert (worker.told(), worker.ever()) == (SECURITY, 1)


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_source_that_stops_while_the_worker_restarts_is_told(worker: Worker, is_killed: bool) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    if not is_killed:
        worker.stop()
    worker.start()
    worker.hear("System", minutes=40)
    assert worker.told() == SECURITY


def test_a_worker_that_restarts_all_the_time_tells_it_all_the_same(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    for _ in range(40):
        worker.start()
        worker.hear("System", minutes=1)
    assert (worker.told(), worker.ever()) == (SECURITY, 1)


@pytest.mark.parametrize("is_killed", [False, True])
def test_what_was_told_before_a_restart_is_not_told_again_and_ends(worker: Worker, is_killed: bool) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    worker.hear("System", minutes=40)
    before = worker.register.cases.troubles()
    if not is_killed:
        worker.stop()
    worker.start()
    worker.look()
    worker.hear("System", minutes=40)
    assert worker.register.cases.troubles() == before
    worker.start()
    worker.hear("Security", minutes=1)
    assert (worker.told(), worker.ever()) == ([], 1)
    worker.start()
    worker.look()
    assert (worker.told(), worker.ever()) == ([], 1)


def test_killed_between_the_note_and_the_telling_it_is_told_at_the_next_start(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    worker.hear("System", minutes=28)
    worker.now += MINUTE
    worker.channels.see(heard(["System"], worker.now))
    assert worker.channels.news(worker.now)
    worker.channels.note(Notes(worker.register, lambda: worker.now))
    worker.start()
    worker.look()
    assert (worker.told(), worker.ever()) == (SECURITY, 1)


def test_killed_between_the_note_and_the_telling_it_is_over_at_the_next_start(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    worker.hear("System", minutes=40)
    worker.now += MINUTE
    worker.channels.see(heard(["Security"], worker.now))
    assert worker.channels.news(worker.now)
    worker.channels.note(Notes(worker.register, lambda: worker.now))
    worker.start()
    worker.look()
    assert (worker.told(), worker.ever()) == ([], 1)


def crowd(worker: Worker, begin: str = "a") -> tuple[str, ...]:
    """Let the same source of many devices stop; return the devices."""
    many = tuple(f"{begin}{number:02}" for number in range(MANY))
    worker.hear("Security", "System", minutes=OFTEN, senders=many)
    worker.hear("System", minutes=40, senders=many)
    return many


def test_many_that_stopped_before_a_restart_are_over_when_all_are_heard(worker: Worker) -> None:
    many = crowd(worker)
    (text,) = worker.told()
    assert text.startswith(f"{MANY} sources fell quiet together")
    worker.start()
    worker.hear("System", minutes=40, senders=many)
    worker.hear("Security", minutes=1, senders=many[1:])
    worker.start()
    worker.look()
    assert (len(worker.told()), worker.ever()) == (1, 1)
    worker.hear("Security", minutes=1, senders=many[:1])
    assert (worker.told(), worker.ever()) == ([], 1)


def test_each_worker_goes_on_with_its_own(register: Register) -> None:
    one, other = (Worker(register, T0, number, 2).start() for number in range(2))
    many = crowd(other, "b")
    one.hear("Security", "System", minutes=OFTEN)
    one.hear("System", minutes=40)
    for worker in (one, other):
        worker.start()
        worker.look()
    assert (len(one.told()), one.ever()) == (2, 2)
    one.hear("Security", minutes=1)
    assert len(one.told()) == 1
    alone = Worker(register, one.now, 0, 1).start()  # of both partitions, on a machine of fewer cores
    alone.look()
    assert (len(one.told()), one.ever()) == (1, 2)
    alone.hear("Security", minutes=1, senders=many)
    assert one.told() == []
    alone.hear("System", minutes=100, senders=many[:1])
    assert one.told() == SECURITY, "what the other worker heard is known to this one"


def test_what_is_told_is_noted_first_however_much_there_is(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PIECE", 1)
    many = tuple(f"{number:02}" for number in range(30))
    worker.hear("Security", "System", minutes=OFTEN, senders=many)
    for last in (many[7], many[29]):
        worker.hear("System", minutes=50, senders=(last,))
    assert worker.told() == SECURITY * 2
    assert len(worker.channels._sources.pieces) == len(many)
    worker.start()
    worker.hear("System", minutes=1, senders=many)
    assert (worker.told(), worker.ever()) == (SECURITY * 2, 2)
    worker.hear("Security", minutes=1, senders=many)
    worker.start()
    worker.hear("System", minutes=1, senders=many)
    assert (worker.told(), worker.ever()) == ([], 2)


def test_a_note_that_cannot_be_read_is_set_aside_and_nothing_told_is_lost(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    worker.hear("System", minutes=40)
    worker.register.checkpoints.set("sources/0/0", b"no note")
    for _ in range(2):
        worker.start()
        worker.look()
    (letter,) = worker.register.letters.all()
    assert "sources/0/0 " in f"{letter.letter.where} "
    row = worker.register.letters.get(letter.number)
    assert row is not None
    assert row.letter.payload == b"no note"
    poison, source = sorted(worker.register.cases.troubles(), key=lambda one: one.kind)
    assert (poison.key, source.key) == ("poison/note/sources/0/0", f"source/{SENDER}/Security")
    worker.hear("Security", "System", minutes=OFTEN)
    assert [one.kind for one in worker.register.cases.troubles()] == ["poison"]
    worker.start()
    worker.hear("System", minutes=40)
    assert SECURITY[0] in worker.told(), "it was noted anew"


def test_a_device_that_was_off_proves_nothing(worker: Worker) -> None:
    worker.hear("Security", "System", minutes=OFTEN)
    for _ in range(5):
        worker.now += 14 * 60 * MINUTE
        worker.hear("System", minutes=1)
    assert worker.ever() == 0


@pytest.mark.parametrize("leap", [-3_650 * 1_440, -60, 60, 3_650 * 1_440])
def test_a_clock_that_is_set_proves_nothing_and_hides_nothing(worker: Worker, leap: int) -> None:
    worker.hear("Security", "System", "Application", minutes=OFTEN)
    worker.now += leap * MINUTE
    worker.hear("System", "Application", minutes=1)
    assert worker.ever() == 0
    worker.hear("System", "Application", minutes=40)
    assert worker.told() == SECURITY
    (trouble,) = worker.register.cases.troubles()
    assert trouble.since <= worker.now
    worker.now -= leap * MINUTE
    worker.start()
    worker.hear("System", "Application", minutes=1)
    assert worker.told() == SECURITY
    worker.hear("Security", minutes=1)
    assert (worker.told(), worker.ever()) == ([], 1)


def test_a_sender_that_makes_up_sources_fills_its_own_place_only(worker: Worker) -> None:
    made_up = [f"{number:04}" + "x" * 100_000 for number in range(OF_SENDER * 2)]
    worker.channels.see(heard(made_up, worker.now, "0bad"))
    assert len(worker.channels._sources) == OF_SENDER
    worker.stop()
    note = worker.register.checkpoints.get("sources/0/0")
    assert note is not None
    assert len(note) < 64 * 1024
    worker.hear("Security", "System", minutes=OFTEN)
    worker.hear("System", minutes=40)
    assert worker.told() == SECURITY


def test_there_is_an_end_to_what_is_kept(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "KEPT", 5)
    for number in range(9):
        worker.channels.see(heard(["Security", "System"], worker.now, f"{number:02}"))
    assert len(worker.channels._sources) == 5
    worker.stop()
    monkeypatch.setattr(table, "KEPT", 3)
    worker.start()
    assert len(worker.channels._sources) == 3


def test_only_what_changed_is_noted_a_part_at_each_look(register: Register) -> None:
    class Counted(Notes):
        def write(self, name: str, record: bytes) -> None:
            sizes.append(len(record))
            super().write(name, record)

    sizes: list[int] = []
    notes = Counted(register, lambda: T0)
    channels = ChannelsHeard(LIMIT_S)
    ids = [f"{number * 0x9E3779B97F4A7C15 % 2**64:032x}" for number in range(3 * PIECE)]
    kinds = [Kind(f"Microsoft-Windows-Example-{number}/Operational", None, 1) for number in range(5)]
    rows = Rows(kinds, [{}] * 5, [T0] * 5, ["pc"] * 5, [None] * 5, [0] * 5)
    batch = gather(rows)
    channels.see(merge([Sent(batch, one, 1, 0, T0, f"ward-{one[-4:]}") for one in ids]))
    for _ in range(24):
        channels.news(T0)
        channels.note(notes)
    assert len(sizes) == 3
    assert sum(sizes) / len(ids) < 60, "bytes of a device"
    channels.see(merge([Sent(batch, ids[0], 1, 5, T0, "ward")]))
    channels.note_all(notes)
    assert len(sizes) == 4


def test_what_says_nothing_for_a_month_is_forgotten_and_over(worker: Worker) -> None:
    hour = 60 * MINUTE
    worker.hear("Security", "System", minutes=OFTEN, senders=("5e", "0ff"))
    worker.hear("System", minutes=40, senders=("5e", "0ff"))
    assert len(worker.told()) == 2
    for _ in range(FORGOTTEN_H + 2):
        worker.now += hour
        worker.channels.see(heard(["System"], worker.now))
        worker.register.cases.trouble(worker.channels.news(worker.now))
    assert worker.told() == SECURITY
    assert worker.register.cases.troubles()[0].device == "5e"
    assert len(worker.channels._sources) == 2
    worker.stop()
    worker.start()
    worker.look()
    worker.hear("Security", "System", minutes=1, senders=("5e", "0ff"))
    assert (worker.told(), len(worker.channels._sources)) == ([], 4)


def test_what_was_usual_long_ago_counts_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "WINDOW_S", 6 * 3_600)
    sources = table.Sources(lambda _: 0)
    one, both = (
        table.Heard((SENDER,), ("System", "Security"), np.zeros(count, np.int64), np.arange(count), lambda _: "pc")
        for count in (1, 2)
    )
    now = 1
    for minute in range(2_000):
        now += 60
        sources.hear(both, now)
        if minute % 100 == 0:
            sources.look(LIMIT_S, now)
    missed = []
    for round_ in range(30):
        for minute in range(100):
            now += 60
            if minute == 99 and sources.look(LIMIT_S, now):
                missed.append(round_)
            sources.hear(both if minute == 99 else one, now)
    assert missed
    assert max(missed) < 15, "what was busy and is rarer now is not missed for ever"
