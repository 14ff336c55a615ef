"""A gate that cannot take more says so before it takes anything, when to come again, and goes on by itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from carecordon.hub.config import Limits
from carecordon.hub.gate.bucket import NANOSECONDS, Bucket
from carecordon.hub.gate.fairness import FairQueue
from carecordon.hub.gate.pressure import CONSUMER, FAILED_PAUSE_S, MAX_QUEUE_BYTES, Pressure
from carecordon.hub.worker.shard import DETECT
from carecordon.model.event import Kind
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire import codec
from carecordon.wire.session import Turned
from tests.hub.gate_kit import Talk, make_hub, member, running, wait_for
from tests.wire.test_codec import table_of


def turned(talk: Talk) -> Turned:
    talk.until(lambda: any(isinstance(event, Turned) for event in talk.events))
    return next(event for event in talk.events if isinstance(event, Turned))


@pytest.mark.parametrize(
    ("limits", "says", "least_s"),
    [
        ({"reserve_bytes": 1 << 60}, "disk is nearly full", 30),
        ({"max_lag_s": -1.0}, "too far behind", 15),
    ],
)
def test_nothing_is_taken_where_it_could_not_be_kept(
    tmp_path: Path, limits: dict[str, float], says: str, least_s: float
) -> None:
    hub = make_hub(tmp_path / "hub", **limits)
    device = member(hub, tmp_path / "device")
    with running(hub) as process, Talk(device, process.ports.devices) as talk:
        talk.send(0, 4)
        refused = turned(talk)
        assert says in refused.reason
        assert least_s <= refused.retry_s <= 2 * least_s
        assert talk.session.mark == -1
    assert hub.numbers(device.id) == []
    hub.register.close()


def test_lag_is_that_of_the_workers_and_ends_when_they_are_done(tmp_path: Path) -> None:
    assert CONSUMER == DETECT
    hub = make_hub(tmp_path / "hub", max_lag_s=0.3)
    device = member(hub, tmp_path / "device")
    with running(hub) as process, Talk(device, process.ports.devices) as talk:
        talk.send(0, 4)
        talk.acknowledged(4)
        at = 5
        while not any(isinstance(event, Turned) for event in talk.events):
            talk.send(at, at)
            at += 1
            talk.until(lambda: not talk.session.flights)
        assert "too far behind" in turned(talk).reason
        stream = STREAM.open(str(hub.paths.events), None)
        for partition in range(stream.partitions):
            entries = stream.pull(partition, 0, 1 << 30)
            if entries:
                stream.ack(DETECT, partition, entries[-1].position)
        stream.close()
        mark = talk.session.mark

        def is_taken() -> bool:
            talk.send(mark + 1, mark + 1)
            talk.until(lambda: not talk.session.flights)
            return talk.session.mark > mark

        wait_for(is_taken)
    hub.register.close()


def test_a_noisy_device_is_slowed_and_another_is_not(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", events_per_s=10.0, burst_events=50.0)
    noisy, calm = member(hub, tmp_path / "noisy"), member(hub, tmp_path / "calm")
    with (
        running(hub) as process,
        Talk(noisy, process.ports.devices) as loud,
        Talk(calm, process.ports.devices) as quiet,
    ):
        assert loud.session.credit.events_per_s == pytest.approx(10 + 50 / 4)
        for first in range(0, 80, 40):
            loud.send(first, first + 39)
        refused = turned(loud)
        assert "more events than its share" in refused.reason
        assert 0 < refused.retry_s <= 5
        assert refused.first == 40
        quiet.send(0, 9)
        quiet.acknowledged(9)
        assert loud.session.mark <= 39
    assert hub.numbers(noisy.id) == list(range(40))
    hub.register.close()


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(10.0, 100.0, 0)
    assert bucket.take(60, 0) == 0
    assert bucket.take(60, 0) == pytest.approx(2.0)
    assert bucket.take(60, 2 * NANOSECONDS) == 0
    assert bucket.take(1, 2 * NANOSECONDS) == pytest.approx(0.1)
    assert bucket.level(10**6 * NANOSECONDS) == 100


def test_what_is_larger_than_the_bucket_is_worked_off_after() -> None:
    bucket = Bucket(10.0, 100.0, 0)
    assert bucket.take(500, 0) == 0
    assert bucket.take(1, 0) == pytest.approx(40.1)
    assert bucket.take(500, 40 * NANOSECONDS) > 0
    assert bucket.take(500, 50 * NANOSECONDS) == 0


def test_a_group_holds_a_fair_share_of_everybody() -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for number in range(1_000):
        queue.put("noisy", ("noisy", number), 4_000)
    for device in range(20):
        queue.put(f"calm {device}", (f"calm {device}", 0), 300)
    group = queue.group(100_000)
    assert {name for name, _ in group} == {"noisy", *(f"calm {device}" for device in range(20))}
    assert len(group) < 50
    rest = queue.group(1 << 30)
    assert [number for name, number in (*group, *rest) if name == "noisy"] == list(range(1_000))
    assert len(queue) == queue.size_bytes == 0


def test_a_large_item_comes_when_its_turns_add_up() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("a", "large", 1_000_000)
    queue.put("b", "small", 10)
    assert queue.group(1_000) == ["small", "large"]


def test_what_is_dropped_is_gone() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(6):
        queue.put("a", number, 10)
    assert queue.drop("a", lambda number: number % 2 == 1) == [1, 3, 5]
    assert queue.drop("b", lambda _: True) == []
    assert queue.group(1 << 20) == [0, 2, 4]
    queue.put("a", 6, 10)
    assert queue.drop("a", lambda _: True) == [6]
    assert not queue.has("a")
    assert queue.group(1 << 20) == []
    assert queue.size_bytes == 0


def test_pressure_tells_why_and_when_and_does_not_flutter() -> None:
    limits = Limits(reserve_bytes=1_000, max_lag_s=10.0)
    pressure = Pressure(limits, lambda: 0.5)
    now = time.monotonic_ns()
    assert pressure.busy(0, now) is None
    for free, lag, kind in ((999, 0.0, "disk"), (1_049, 0.0, "disk"), (1_051, 10.1, "lag"), (2_000, 9.6, "lag")):
        pressure.see(free, lag)
        busy = pressure.busy(0, now)
        assert busy is not None
        assert busy.kind == kind
    pressure.see(2_000, 9.0)
    assert pressure.busy(0, now) is None
    full = pressure.busy(MAX_QUEUE_BYTES, now)
    assert full is not None
    assert (full.kind, full.retry_s) == ("queue", 1.5)
    pressure.fail(now)
    assert pressure.busy(0, now) is not None
    assert pressure.busy(0, now + int(FAILED_PAUSE_S * NANOSECONDS)) is None


def test_credit_makes_devices_wait_under_load_and_lets_go_after() -> None:
    pressure = Pressure(Limits(), lambda: 0.0)
    full = Bucket(200.0, 400.0, 0)
    assert pressure.credit(full, 0).delay_s == 0
    for _ in range(5):
        pressure.load(0.6, 2_000.0)
    assert 0.5 < pressure.credit(full, 0).delay_s < 3
    assert pressure.credit(full, 0).events_per_s == 300
    for _ in range(60):
        pressure.load(0.3, 2_000.0)
    assert pressure.credit(full, 0).delay_s == 0


def test_devices_that_come_in_make_no_others_wait() -> None:
    pressure = Pressure(Limits(), lambda: 0.0)
    for _ in range(30):
        pressure.load(1.0, 400.0)
    assert pressure.delay_s == 0


def test_bytes_count_against_a_share_as_events_do(tmp_path: Path) -> None:
    """One event may be a megabyte: a device that states few events has no more of the hub's disk for it."""
    hub = make_hub(tmp_path / "hub", events_per_s=10.0, burst_events=50.0)
    noisy = member(hub, tmp_path / "noisy")
    with running(hub) as process, Talk(noisy, process.ports.devices) as loud:
        table = table_of([(Kind("Security", "made up", 4624), {"Blob": os.urandom(60_000).hex()}, 1, "ward-pc-07")])
        loud.send(0, 0, codec.encode(table))
        loud.send(1, 1)
        assert turned(loud).first == 1
        assert loud.session.mark <= 0
    hub.register.close()
