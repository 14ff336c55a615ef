"""A backup has the events of the store, of the same moment as all else: none is missing after a restore, none twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from carecordon.hub.backup.restore import restore
from carecordon.hub.config import Paths
from carecordon.hub.keeper.frozen import FrozenStore, shadow_of
from carecordon.hub.keeper.store import open_reader, open_telemetry
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.shard import DETECT, STORE, Doors, Shard
from carecordon.model.batch import Rows
from carecordon.model.errors import TheirFault
from carecordon.model.gather import gather
from carecordon.model.stream import Part
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.telemetry.answer import Answer
from carecordon.wire import codec
from tests.hub.hub_kit import HOUR, NOW, PASSPHRASE, back_up, device_id, found_hub, opened
from tests.hub.shard_kit import CREATED, RULE
from tests.telemetry.keeping import keeping

SENDERS = [device_id(number) for number in range(4)]
EPOCH = 9


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(made)
    return made


@contextmanager
def doors_of(paths: Paths) -> Iterator[Doors]:
    """Yield the ways of a worker to everything of a hub, its keeper among it."""
    with ExitStack() as stack:
        register = stack.enter_context(opened(paths))
        events = stack.enter_context(closing(STREAM.open(str(paths.events), None)))
        found = stack.enter_context(closing(STREAM.open(str(paths.found), None)))
        telemetry = stack.enter_context(closing(open_telemetry(paths)))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        yield Doors(events, found, register, telemetry, Roster(register.devices), threads, lambda: NOW)


def part(sender: str, first: int) -> Part:
    """Return twenty events of a sender."""
    rows = Rows([CREATED] * 20, [{"CommandLine": f"quiet {number}"} for number in range(first, first + 20)])
    rows.times, rows.devices, rows.record_ids = [NOW] * 20, ["x"] * 20, [None] * 20
    rows.positions = list(range(20))
    return Part(sender, EPOCH, first, first + 19, codec.encode(gather(rows)))


def work(paths: Paths, detector: Detector, done: threading.Event, turned: list[int]) -> None:
    """Be a gate and a worker: publish, store, match and trim until told to end."""
    with doors_of(paths) as doors:
        shards = [Shard(doors, one) for one in range(doors.events.partitions)]
        while not done.is_set():
            doors.events.publish([part(sender, 20 * len(turned)) for sender in SENDERS], NOW)
            for shard in shards:
                shard.turn(detector)
            doors.events.trim((DETECT, STORE))
            turned.append(1)


def counted(paths: Paths) -> tuple[int, int]:
    """Return how many events the store has, and how many that are told apart by sender and number."""
    with closing(open_reader(paths)) as reader:
        found = reader.ask("SELECT count(), uniqExact(sender, epoch, sequence) FROM events WHERE epoch = 9")
    assert isinstance(found, Answer)
    ((rows, distinct),) = found.rows
    assert isinstance(rows, int)
    assert isinstance(distinct, int)
    return rows, distinct


def test_a_backup_under_load_has_every_event_once_when_it_is_restored(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(RULE)
    cache = DiskCache(tmp_path / "cache")
    detector = Detector(read_rulebook([tmp_path / "bad.yml"], cache, own=False), cache)
    done, turned = threading.Event(), list[int]()
    with keeping(paths.data):
        worker = threading.Thread(target=work, args=(paths, detector, done, turned))
        worker.start()
        try:
            while len(turned) < 10:
                assert worker.is_alive()
                done.wait(0.01)
            manifest = back_up(paths, tmp_path / "hub.backup", NOW + HOUR, FrozenStore(paths))
        finally:
            done.set()
            worker.join()
    assert manifest.has_telemetry
    assert not shadow_of(paths.telemetry).exists(), "what was held is let go"
    new = Paths(tmp_path / "new" / "data", tmp_path / "new" / "keys")
    restore(tmp_path / "hub.backup", new.data, new.keys, PASSPHRASE, NOW + 2 * HOUR)
    with keeping(new.data):
        rows, distinct = counted(new)
        assert rows == distinct >= 10 * 20 * len(SENDERS), "as the store was"
        with doors_of(new) as doors:
            for one in range(doors.events.partitions):
                shard = Shard(doors, one)
                while shard.turn(detector):
                    pass
            marks = [doors.events.mark(sender, EPOCH) for sender in SENDERS]
        assert None not in marks
        everything = sum(1 + (mark or 0) for mark in marks)
        assert counted(new) == (everything, everything), "the worker went on where it was"


def test_only_a_worker_holds_it_and_one_whose_keeper_is_down_is_taken_as_it_lies_there(
    paths: Paths, tmp_path: Path
) -> None:
    with keeping(paths.data) as keeper, doors_of(paths) as doors:
        doors.events.publish([part(sender, 0) for sender in SENDERS], NOW)
        cache = DiskCache(tmp_path / "cache")
        (tmp_path / "bad.yml").write_text(RULE)
        detector = Detector(read_rulebook([tmp_path / "bad.yml"], cache, own=False), cache)
        for one in range(doors.events.partitions):
            Shard(doors, one).turn(detector)
        assert counted(paths) == (80, 80)
        address = keeper.address
        whole = (paths.run / "keeper.json").read_text()
        (paths.run / "keeper.json").write_text(whole.replace(address.worker, address.reader))
        with pytest.raises(TheirFault, match="user or password"):
            FrozenStore(paths).freeze()
        (paths.run / "keeper.json").unlink()
        with pytest.raises(TheirFault, match="try again in a moment"):
            back_up(paths, tmp_path / "hub.backup", NOW + HOUR, FrozenStore(paths))
        assert [path.name for path in tmp_path.glob("hub.backup*")] == []
    back_up(paths, tmp_path / "hub.backup", NOW + HOUR, FrozenStore(paths))
    new = Paths(tmp_path / "new" / "data", tmp_path / "new" / "keys")
    restore(tmp_path / "hub.backup", new.data, new.keys, PASSPHRASE, NOW + 2 * HOUR)
    cut_off = shadow_of(new.telemetry)
    cut_off.mkdir(parents=True)
    with keeping(new.data):
        assert counted(new) == (80, 80)
        assert not cut_off.exists(), "a backup that was cut off is forgotten at the next start"
