"""A real gate and real devices: what is acknowledged is in the stream, once, and only from who may speak."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from carecordon.wire.session import Welcomed
from tests.hub.gate_kit import Member, Running, Talk, make_hub, member, running, wait_for


@pytest.fixture
def device(gate: Running, tmp_path: Path) -> Member:
    return member(gate.hub, tmp_path / "device")


def test_a_receipt_comes_when_the_batch_is_in_the_stream(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        assert talk.events == [event for event in talk.events if isinstance(event, Welcomed) and event.mark == -1]
        talk.send(0, 4)
        talk.acknowledged(4)
        assert gate.hub.numbers(device.id) == [0, 1, 2, 3, 4]
        talk.send(5, 9)
        talk.send(10, 10)
        talk.acknowledged(10)
    assert gate.hub.numbers(device.id) == list(range(11))


def test_the_next_session_goes_on_at_the_mark(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.send(0, 4)
        talk.acknowledged(4)
    with Talk(device, gate.ports.devices, next_number=9) as talk:
        assert isinstance(talk.events[0], Welcomed)
        assert talk.events[0].mark == 4


def test_what_comes_twice_is_kept_once(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.send(0, 4)
        talk.acknowledged(4)
        for first, last in ((0, 4), (0, 4), (3, 7), (5, 6), (0, 9)):
            talk.send(first, last)
        talk.acknowledged(9)
        talk.send(2, 3)
        talk.send(10, 10)
        talk.acknowledged(10)
    assert gate.hub.numbers(device.id) == list(range(11))


def test_numbers_that_are_left_out_are_taken_and_those_that_come_late_fill_them(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices, next_number=100) as talk:
        talk.send(0, 1)
        talk.send(10, 11)
        talk.acknowledged(11)
        talk.send(2, 9)
        talk.send(12, 12)
        talk.acknowledged(12)
    assert sorted(gate.hub.numbers(device.id)) == list(range(13))


def test_a_device_begins_a_new_epoch_when_it_likes(gate: Running, device: Member) -> None:
    for epoch in (7, 8):
        with Talk(device, gate.ports.devices, epoch=epoch) as talk:
            talk.send(0, 1)
            talk.acknowledged(1)
    assert gate.hub.numbers(device.id, 7) == gate.hub.numbers(device.id, 8) == [0, 1]


def test_the_pulse_tells_what_was_done(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        before = gate.figures().get("events_total", 0.0)
        talk.send(0, 4)
        talk.acknowledged(4)
        wait_for(lambda: gate.figures().get("events_total", 0.0) >= before + 5)
        wait_for(lambda: gate.figures().get("sessions", 0.0) >= 1)
        told = gate.figures()
    assert {"messages_total", "bytes_total", "groups_total", "ack_p50_ms", "ack_p99_ms", "loop_lag_ms"} <= set(told)
    assert 0 < told["ack_p50_ms"] <= told["ack_p99_ms"]
    assert told["free_bytes"] > 0


def test_a_killed_gate_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    mark, sent = -1, 0
    for _ in range(2):
        with (
            running(hub) as process,
            contextlib.suppress(ConnectionClosed),
            Talk(device, process.ports.devices, next_number=sent) as talk,
        ):
            assert talk.session.mark >= mark
            mark = talk.session.mark
            for number in range(mark + 1, mark + 9):
                talk.send(number, number)
                sent = max(sent, number + 1)
            talk.acknowledged(mark + 3)
            mark = talk.session.mark
            process.kill()
    numbers = hub.numbers(device.id)
    assert set(range(mark + 1)) <= set(numbers)
    assert len(numbers) == len(set(numbers))
    hub.register.close()


def test_a_gate_that_is_asked_to_end_writes_receipts_says_bye_and_ends(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    with running(hub) as process, Talk(device, process.ports.devices) as talk:
        for number in range(8):
            talk.send(number, number)
        talk.until(lambda: talk.session.mark >= 0)
        process.process.terminate()
        end = talk.ended()
        assert end.reason == "the hub is being stopped"
        assert end.retry_s is not None
        assert 2 <= end.retry_s <= 4
        assert talk.session.mark >= 0
        assert hub.numbers(device.id) == list(range(talk.session.mark + 1))
        assert process.process.wait(20) == 0
    assert process.log()[-1]["event"] == "stopped"
    seen = hub.register.devices.get(device.id)
    assert seen is not None
    assert seen.last_seen is not None
    hub.register.close()


def test_a_gate_without_a_hub_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "carecordon.hub.gate", str(tmp_path), str(tmp_path / "keys")]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"carecordon hub init" in done.stderr
    assert done.stdout == b""
