"""What the gate does for each device: its share by its kind, when it was there, and a bad part that hurts no other."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from carecordon.hub.config import read_settings
from carecordon.hub.gate import tls
from carecordon.hub.gate.gate import Gate
from carecordon.model.device import DeviceKind
from carecordon.wire import hub_session
from carecordon.wire.messages import Batch, Refusal
from carecordon.wire.session import Turned, read, write
from tests.hub.gate_kit import WAIT_S, Hub, Member, Running, Talk, make_hub, member, running, wait_for
from tests.wire.words import data_of

SECOND = 1_000_000_000


def last_seen(hub: Hub, device: Member) -> int:
    known = hub.register.devices.get(device.id)
    assert known is not None
    return known.last_seen or 0


def refuses(gate: Running, device: Member) -> bool:
    """Return whether a device that sends sixty events at once is turned back."""
    with Talk(device, gate.ports.devices, next_number=100) as talk:
        for first in (0, 20, 40):
            talk.send(first, first + 19)
        talk.until(lambda: not talk.session.flights)
        return any(isinstance(event, Turned) for event in talk.events)


def test_a_forwarder_has_a_larger_share_than_a_device(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub", events_per_s=1.0, burst_events=10.0)
    agent = member(hub, tmp_path / "agent")
    forwarder = member(hub, tmp_path / "forwarder", kind=DeviceKind.FORWARDER)
    with running(hub) as gate:
        for device, is_refused in ((agent, True), (forwarder, False)):
            assert refuses(gate, device) is is_refused
    hub.register.close()


def test_when_a_device_was_there_is_known_as_soon_as_it_came_and_when_it_left(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    began = time.time_ns()
    with running(hub) as gate:
        with Talk(device, gate.ports.devices) as talk:
            wait_for(lambda: last_seen(hub, device) >= began)
            came = last_seen(hub, device)
            wait_for(lambda: time.time_ns() > came + SECOND)
            talk.send(0, 4)
            talk.acknowledged(4)
        wait_for(lambda: last_seen(hub, device) > came)
        assert last_seen(hub, device) < began + 50 * SECOND, "long before the next minute"
    hub.register.close()


def test_a_part_that_no_log_can_take_is_refused_for_good_and_hurts_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = make_hub(tmp_path / "hub")
    bad, good = member(hub, tmp_path / "bad"), member(hub, tmp_path / "good")
    hub.paths.run.mkdir()
    tls.renew_server(hub.authority, hub.paths.keys)
    monkeypatch.setattr(hub_session, "fault_of", lambda _: None)  # as if the session had not looked

    def talk(port: int) -> None:
        with Talk(bad, port) as one, Talk(good, port) as other:
            one.web.send(write(Batch(one.epoch, 9, 4, data_of(0, 0))))
            other.send(0, 4)
            other.acknowledged(4)
            answer = one.web.recv(timeout=WAIT_S)
            assert isinstance(answer, bytes)
            word = read(answer)
            assert isinstance(word, Refusal)
            assert word.retry_s < 0
            assert "no numbers in order" in word.reason

    async def main() -> None:
        gate = Gate(hub.paths, read_settings(hub.paths.settings), hub.authority, hub.register)
        ports = gate.start()
        await asyncio.to_thread(talk, ports.devices)
        await gate.stop()

    asyncio.run(main())
    assert hub.numbers(good.id) == [0, 1, 2, 3, 4]
    hub.register.close()
