"""A register whose write-ahead log is damaged says so, and what the streams hold is gone on with: once each."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from carecordon.hub.backup.check import check
from carecordon.hub.backup.forgotten import KEY, look_at_end, unsure
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.start import prepare
from carecordon.hub.triage.desk import Desk, Office
from carecordon.hub.triage.passing import OVER_NS, Passing
from carecordon.hub.triage.triage import CONSUMER, PULL_BYTES, _acknowledge
from carecordon.hub.trust.anchors import note_anchor
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.shard import DETECT, STORE, Doors, Shard
from carecordon.model.audit import Act
from carecordon.model.errors import TheirFault
from carecordon.model.kept import AlertQuery, AlertRow
from carecordon.model.match import Level
from carecordon.model.stream import Stream
from carecordon.notify.teller import Teller
from carecordon.pipeline.triage.score import Estate
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub import shard_kit
from tests.hub.hub_kit import NOW, found_hub, opened
from tests.hub.shard_kit import Shelf, part, run
from tests.hub.test_desk import RULES, WORDS

detector = shard_kit.detector
SECOND = 1_000_000_000
ROUNDS = 12
HEAD, FRAME = 32, 24 + 4_096
Harm = Callable[[Path], None]


@dataclass
class Life:
    """A hub at work without processes: its doors open, a store that outlives them."""

    paths: Paths
    shelf: Shelf = field(default_factory=Shelf)
    now: int = NOW

    @contextmanager
    def at_work(self) -> Iterator[Work]:
        register = REGISTER.open_register(str(self.paths.register))
        events, found = STREAM.open(str(self.paths.events), 1), STREAM.open(str(self.paths.found), 1)
        threads = ThreadPoolExecutor(1)
        try:
            yield Work(self, register, events, found, threads)
        finally:
            threads.shutdown()
            for one in (events, found, register):
                one.close()

    def power_fails(self, harm: Harm, name: str = "after") -> Life:
        """Return the hub as it is found afterwards, its register's write-ahead log harmed meanwhile."""
        place = self.paths.data.with_name(f"{self.paths.data.name}-{name}")
        shutil.copytree(self.paths.data, place, ignore=shutil.ignore_patterns("*-shm"))
        life = Life(Paths(place, self.paths.keys), self.shelf, self.now)
        harm(log_of(life))
        return life

    def start(self) -> list[str]:
        """Do what a hub does before its processes begin; return what it tells of its register."""
        prepare(self.paths, read_settings(self.paths.settings), self.now)
        with opened(self.paths) as register:
            return [one.text for one in register.cases.troubles() if one.key.startswith(KEY)]


@dataclass
class Work:
    """What stands open."""

    life: Life
    register: Register
    events: Stream
    found: Stream
    threads: ThreadPoolExecutor

    def receive(self, number: int) -> None:
        self.events.publish([part(2 * number, f"mischief {number}", f"quiet {number}")], NOW)

    def match(self, detector: Detector) -> None:
        roster = Roster(self.register.devices)
        doors = Doors(self.events, self.found, self.register, self.life.shelf, roster, self.threads, lambda: NOW)
        run(Shard(doors, 0), detector)

    def triage(self, *, settles: bool = True) -> None:
        office = Office("X99", Teller("Example Trust", ("smtp/soc@example.org",), Level.HIGH), WORDS)
        desk = Desk(self.register.cases, RULES, Estate(1), office, self.found.epoch, self.life.now)
        self.life.now += 5 * SECOND
        desk.turn(self.found.pull(0, desk.position, PULL_BYTES), self.life.now)
        self.life.now += 5 * SECOND
        desk.turn([], self.life.now)  # an incident is told again a moment after it grew
        if settles:
            _acknowledge(self.found, desk, self.register)
        else:
            self.found.ack(CONSUMER, 0, desk.position)
            self.found.trim((CONSUMER,))


def log_of(life: Life) -> Path:
    return life.paths.register.with_name("register.db-wal")


def alerts(register: Register) -> list[AlertRow]:
    return sorted(register.cases.alerts(AlertQuery()), key=lambda one: one.id)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    for path in (paths.events, paths.found):
        for one in path.parent.glob(f"{path.name}*"):
            one.unlink()
    paths.settings.write_text(
        paths.settings.read_text("utf-8").replace("[limits]", "partitions = 1\n[limits]"), "utf-8"
    )
    return Life(paths)


def frames(path: Path) -> int:
    """Return how many frames there are of the log's present turn; behind them lie some of the one before."""
    content = path.read_bytes()
    starts = range(HEAD, len(content), FRAME)
    return next((n for n, at in enumerate(starts) if content[at + 8 : at + 16] != content[16:24]), len(starts))


def flipped(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[HEAD + int(frames(path) * share) * FRAME + 500] ^= 4
    path.write_bytes(content)


def cut(path: Path, share: float, more: int = 0) -> None:
    path.write_bytes(path.read_bytes()[: HEAD + int(frames(path) * share) * FRAME + more])


def whole(path: Path) -> None:
    assert frames(path) > 20


HARMS: list[Harm] = [
    lambda path: flipped(path, 0.4),
    lambda path: flipped(path, 0.9),
    lambda path: cut(path, 0.4, 1_000),
    lambda path: cut(path, 0.6),
]


@pytest.mark.parametrize("harm", HARMS)
def test_what_the_streams_hold_is_gone_on_with_and_nothing_is_twice(life: Life, detector: Detector, harm: Harm) -> None:
    with life.at_work() as work:
        work.receive(0)
        work.match(detector)
        work.triage()  # the write-ahead log is copied back, and lies in the log alone from here on
        for number in range(1, ROUNDS):
            work.receive(number)
            work.match(detector)
        after = life.power_fails(harm)
        work.triage()
        expected = alerts(work.register)
    (text,) = after.start()
    assert "the register has lost the end" in text
    assert "partition 0 was matched up to 12 and stored up to 12" in text
    with after.at_work() as work:
        work.receive(ROUNDS)
        work.match(detector)
        assert work.events.lag(DETECT).parts == work.events.lag(STORE).parts == 0
        work.triage()
        found = alerts(work.register)
        assert work.register.cases.position() == ROUNDS + 1
    assert len(expected) == 1
    assert [(one.rule_id, one.device) for one in found] == [(one.rule_id, one.device) for one in expected]
    assert [one.count for one in found] == [one.count + 1 for one in expected]
    stored = [number for _, number in life.shelf.events()]
    assert stored == list(range(2 * (ROUNDS + 1)))
    assert any(text == one.what and one.is_grave for one in check(after.paths, after.now)), (
        "it is said until it is over"
    )


def test_a_register_that_is_whole_is_not_complained_of(life: Life, detector: Detector) -> None:
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.receive(number)
            work.match(detector)
            work.triage(settles=number == 0)
            note_anchor(life.paths.keys, work.register.audit.add([Act("ada", "ask", "x")], NOW))
        assert check(life.paths, NOW) == [], "beside a hub that is at work"
        after = life.power_fails(whole)
    assert after.start() == []


def test_check_sees_it_before_the_hub_starts_and_the_hub_tells_it_once(life: Life, detector: Detector) -> None:
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.receive(number)
            work.match(detector)
        after = life.power_fails(lambda path: flipped(path, 0.5))
    (told,) = [one.what for one in check(after.paths, NOW) if "lost the end" in one.what]
    assert "frame" in told
    assert "partition 0 was matched up to 12" in told
    with opened(after.paths) as register:
        assert [one.text for one in register.cases.troubles() if one.key.startswith(KEY)] == [told]


def test_incidents_that_are_in_no_log_any_more_are_named(life: Life, detector: Detector) -> None:
    """Should triage ever let go of what is in a log alone, that is told too."""
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.receive(number)
            work.match(detector)
            if number in (3, 9):
                work.triage(settles=False)
        after = life.power_fails(lambda path: cut(path, 0.1))
    (text,) = after.start()
    assert "incidents were made of what was found up to 10, and only those up to 0 are there" in text
    assert "what lies at 1 to 10 is in no log any more" in text


def test_an_end_of_the_audit_log_that_was_anchored_is_missed(life: Life) -> None:
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.register.audit.add([Act("ada", "ask", str(number))], NOW)
        head = work.register.audit.head()
        note_anchor(life.paths.keys, head)
        after = life.power_fails(lambda path: cut(path, 0.5))
    (text,) = after.start()
    assert f"to {head.number} of the audit log are gone" in text


def test_a_commit_that_a_power_cut_left_half_written_is_not_called_a_loss(life: Life) -> None:
    with life.at_work() as work:
        work.register.settle()
        work.register.audit.add([Act("ada", "ask", "x")], NOW)
        after, other = (life.power_fails(lambda path: cut(path, 0.99, 1_000), name) for name in ("after", "other"))
    (finding,) = [one for one in check(other.paths, NOW) if "may be lost" in one.what]
    assert "nothing that anybody was told was in it if" in finding.what
    assert not finding.is_grave
    assert after.start() == []
    for paths in (after.paths, other.paths):
        with opened(paths) as register:
            assert register.cases.troubles(is_over=None) == [], "printed alone"


def test_what_a_transaction_that_was_given_up_left_in_the_log_is_told_to_nobody(life: Life) -> None:
    with life.at_work() as work:
        work.register.audit.add([Act("ada", "ask", "w")], NOW)
        with closing(sqlite3.connect(life.paths.register, isolation_level=None)) as plain:
            plain.execute("PRAGMA cache_size = 10")  # so that it is spilled into the log long before its end
            plain.execute("BEGIN IMMEDIATE")
            plain.execute("CREATE TABLE much (content BLOB)")
            plain.executemany("INSERT INTO much VALUES (?)", [(bytes(4_000),) for _ in range(600)])
            plain.execute("ROLLBACK")
        work.register.audit.add([Act("ada", "ask", "x")], NOW)
        after, other = (life.power_fails(whole, name) for name in ("after", "other"))
    assert frames(log_of(after)) > 500
    assert unsure(look_at_end(other.paths))
    assert after.start() == []
    with opened(after.paths) as register:
        assert register.cases.troubles(is_over=None) == []


def test_checks_that_follow_each_other_make_one_trouble_though_positions_move(life: Life, detector: Detector) -> None:
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.receive(number)
            work.match(detector)
        after = life.power_fails(lambda path: flipped(path, 0.5))
    check(after.paths, NOW)
    check(after.paths, NOW + SECOND)
    with closing(STREAM.open(str(after.paths.events), 1)) as events:
        events.publish([part(2 * ROUNDS, "mischief", "quiet")], NOW)
        for consumer in (DETECT, STORE):
            events.ack(consumer, 0, ROUNDS + 1)  # one position further, and the same partition
    check(after.paths, NOW + 2 * SECOND)
    with opened(after.paths) as register:
        (trouble,) = [one for one in register.cases.troubles() if one.key.startswith(KEY)]
        assert f"matched up to {ROUNDS + 1}" in trouble.text
        passing = Passing(register.cases)
        passing.look(NOW + 2 * SECOND, {})
        passing.look(NOW + OVER_NS, {})
        assert [one.key for one in register.cases.troubles()] == [trouble.key]
        passing.look(NOW + OVER_NS + 1_000 * SECOND, {})
        assert register.cases.troubles() == [], "a day without more of it"


def test_a_lost_end_is_written_down_before_anything_else_may_fail(life: Life) -> None:
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.register.audit.add([Act("ada", "ask", str(number))], NOW)
        after = life.power_fails(lambda path: flipped(path, 0.9))
    kept = after.paths.found.read_bytes()
    after.paths.found.write_bytes(b"no log at all" * 100)
    for one in after.paths.found.parent.glob(f"{after.paths.found.name}-*"):
        one.unlink()
    with pytest.raises((TheirFault, OSError)):
        after.start()
    after.paths.found.write_bytes(kept)
    (text,) = after.start()
    assert "some of it was on disk" in text


def test_a_damaged_commit_that_others_came_behind_is_a_loss_though_nobody_else_knew(life: Life) -> None:
    with life.at_work() as work:
        for number in range(ROUNDS):
            work.register.audit.add([Act("ada", "ask", str(number))], NOW)
        after = life.power_fails(lambda path: flipped(path, 0.9))
    (text,) = after.start()
    assert "some of it was on disk" in text


def test_what_a_killed_process_left_in_the_log_is_not_called_a_loss(life: Life) -> None:
    """It died before its commit was done; the next wrote over a part of it, and what is left does not fit."""
    with life.at_work() as work:
        work.register.audit.add([Act("ada", "ask", "x")], NOW)
        kept = log_of(life).read_bytes()
        work.register.checkpoints.set("long", bytes(40_000))
        died = log_of(life).read_bytes()
        before = life.power_fails(lambda path: _write(path, kept))
    with before.at_work() as work:
        work.register.audit.add([Act("ada", "ask", "y")], NOW)
        now = log_of(before).read_bytes()
        after = before.power_fails(lambda path: _write(path, now + died[len(now) :]))
    assert len(now) < len(died)
    end = look_at_end(after.paths)
    assert end is not None
    assert not end.is_sure
    assert after.start() == []


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
