"""A gate whose disk fails acknowledges nothing and goes on when it can; who left leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import resource
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from carecordon.hub.config import read_settings
from carecordon.hub.gate import tls
from carecordon.hub.gate.admission import Admission, TurnedAway, Visitor
from carecordon.hub.gate.crowd import Crowd
from carecordon.hub.gate.gate import Gate
from carecordon.model.device import Device
from carecordon.wire.session import Turned
from tests.hub.gate_kit import Talk, make_hub, member, running, wait_for


def test_what_cannot_be_written_is_refused_and_comes_again(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    with running(hub) as gate, Talk(device, gate.ports.devices) as talk:
        talk.send(0, 4)
        talk.acknowledged(4)
        pid, free = gate.process.pid, resource.RLIM_INFINITY
        largest = max(path.stat().st_size for path in hub.paths.events.parent.iterdir())
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, free))  # writes fail as on a full disk
        at = 5
        while not any(isinstance(event, Turned) for event in talk.events):
            talk.send(at, at)
            at += 1
            talk.until(lambda: not talk.session.flights)
        turned = next(event for event in talk.events if isinstance(event, Turned))
        assert "could not write" in turned.reason
        assert turned.retry_s > 0
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (free, free))
        assert turned.first == talk.session.mark + 1

        def is_taken() -> bool:
            talk.events.clear()
            talk.send(turned.first, turned.first)
            talk.until(lambda: not talk.session.flights)
            return talk.session.mark >= turned.first

        wait_for(is_taken)
    assert hub.numbers(device.id) == list(range(turned.first + 1))
    assert any(line["event"] == "commit_failed" for line in gate.log())
    hub.register.close()


def test_sessions_leave_nothing_that_only_the_collector_would_find(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    hub.paths.run.mkdir()
    tls.renew_server(hub.authority, hub.paths.keys)

    def talk(port: int, *, is_polite: bool, first: int) -> None:
        with Talk(device, port, next_number=first) as talk:
            talk.send(first, first)
            talk.acknowledged(first)
            if not is_polite:
                talk.web.socket.close()

    def left() -> list[str]:
        return [name for item in gc.get_objects() if (name := type(item).__name__) in ("Link", "ServerProtocol")]

    async def main() -> None:
        gate = Gate(hub.paths, read_settings(hub.paths.settings), hub.authority, hub.register)
        ports = gate.start()
        await asyncio.to_thread(talk, ports.devices, is_polite=True, first=0)
        gc.collect()
        gc.disable()
        for number in range(1, 9):
            await asyncio.to_thread(talk, ports.devices, is_polite=number % 2 == 0, first=number)
        await gate.reception.emptied()
        await asyncio.to_thread(wait_for, lambda: not left())  # the writer holds its last group until it looks around
        gc.enable()
        await gate.stop()

    asyncio.run(main())
    assert hub.numbers(device.id) == list(range(9))
    hub.register.close()


def test_who_is_called_next() -> None:
    crowd: Crowd[int] = Crowd(many=3)
    for number in range(10):
        crowd.put("192.0.2.1", number)
    crowd.put("192.0.2.2", 100)
    called = [crowd.next() for _ in range(11)]
    assert called == [9, 100, 8, 0, 7, 1, 6, 2, 3, 4, 5]
    assert crowd.next() is None
    assert len(crowd) == 0


def test_in_a_crowd_the_address_of_which_most_wait_loses_one() -> None:
    crowd: Crowd[int] = Crowd(many=3)
    for number in range(3):
        crowd.put("192.0.2.1", number)
    crowd.put("192.0.2.2", 100)
    assert [crowd.give_up_one() for _ in range(3)] == [0, 1, 2]
    assert len(crowd) == 1
    assert crowd.next() == 100


def test_a_visitor_is_judged_by_what_the_register_says_now(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    admission = Admission(hub.authority, hub.register.devices)
    pem = (device.folder / "device.crt").read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    now = hub.register.devices.all()[0].enrolled
    visitor = admission.identify(der, now)
    assert isinstance(visitor, Visitor)
    assert visitor.device == device.id
    assert isinstance(admission.judge(visitor), Device)
    hub.register.devices.revoke(device.id, "stolen", "admin", now)
    assert admission.take(admission.changes()) == [device.id]
    judged = admission.judge(visitor)
    assert isinstance(judged, TurnedAway)
    assert judged.kind == "revoked"
    late = admission.identify(der, visitor.expires)
    assert isinstance(late, TurnedAway)
    assert "expired" in late.reason
    assert isinstance(admission.identify(b"no certificate", now), TurnedAway)
    stranger = Visitor("ab" * 16, "cd" * 32, visitor.expires, b"")
    assert admission.judge(stranger) is None
    assert isinstance(admission.learn(stranger, admission.look_up(stranger)), TurnedAway)
    hub.register.close()
