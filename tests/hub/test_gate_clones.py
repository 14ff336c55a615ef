"""Two that go on with one key: both deliver, nothing of either is lost, and a person is told once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from carecordon.hub.gate.clones import Evidence, Trail
from carecordon.hub.news.doubts import COPIED
from carecordon.hub.news.found import Found, decode
from carecordon.model.device import Standing
from carecordon.model.match import Match
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire.messages import Batch
from carecordon.wire.session import Ended, Forked
from tests.hub.gate_kit import Member, Running, Talk, member, wait_for
from tests.wire.words import data_of


@pytest.fixture
def device(gate: Running, tmp_path: Path) -> Member:
    return member(gate.hub, tmp_path / "device")


def is_unproven(gate: Running, device: Member) -> bool:
    found = gate.hub.register.devices.get(device.id)
    return found is not None and found.standing is Standing.UNPROVEN


def told(gate: Running, device: Member) -> list[Match]:
    """Return what was handed over to triage of a device."""
    if not gate.hub.paths.found.exists():
        return []
    with closing(STREAM.open(str(gate.hub.paths.found), None)) as stream:
        words = [word for entry in stream.pull(0, 0, 1 << 30) for word in decode(entry.part.data)]
    matches = [match for word in words if isinstance(word, Found) for match in word.matches]
    return [match for match in matches if match.fields["DeviceId"] == device.id]


def test_two_that_are_there_at_once_are_found_and_both_go_on(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices, epoch=7) as one, Talk(device, gate.ports.devices, epoch=8) as two:
        one.send(0, 1)
        one.acknowledged(1)  # its answer to the hub's question went before
        two.send(0, 1)
        two.acknowledged(1)
        wait_for(lambda: is_unproven(gate, device))
        one.send(2, 3)
        one.acknowledged(3)
        two.send(2, 3)
        two.acknowledged(3)
    assert gate.hub.numbers(device.id, 7) == gate.hub.numbers(device.id, 8) == [0, 1, 2, 3]
    wait_for(lambda: bool(told(gate, device)))
    (match,) = told(gate, device)
    assert (match.rule, match.device, match.fields["Evidence"]) == (COPIED, "ward-pc-07", "two_answer")
    with Talk(device, gate.ports.devices, epoch=7, next_number=4) as one:
        one.send(4, 4)
        one.acknowledged(4)
    found = gate.hub.register.devices.get(device.id)
    assert found is not None
    assert found.why == "two may be using its key: two sessions of it answer at the same time"
    assert gate.hub.register.cases.troubles() == [], "it is an incident: nobody is told twice"


def test_two_in_one_epoch_lose_nothing(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as one, Talk(device, gate.ports.devices) as two:
        one.send(0, 4)
        one.acknowledged(4)
        wait_for(lambda: is_unproven(gate, device))
        two.send(0, 2, data_of(100, 102))
        end = two.ended()
        assert Forked() in two.events
        assert end.retry_s == 0
        assert two.session.mark == -1
        one.send(5, 5)
        one.acknowledged(5)
    with Talk(device, gate.ports.devices, epoch=9) as two:
        two.send(0, 2, data_of(100, 102))
        two.acknowledged(2)
    assert gate.hub.numbers(device.id, 7) == [0, 1, 2, 3, 4, 5]
    assert gate.hub.numbers(device.id, 9) == [0, 1, 2]


def test_one_that_was_set_back_is_found_at_its_hello(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.send(0, 4)
        talk.acknowledged(4)
    with Talk(device, gate.ports.devices, next_number=3) as talk:
        assert Forked() in talk.events
        assert any(isinstance(event, Ended) for event in talk.events)
    wait_for(lambda: is_unproven(gate, device))
    wait_for(lambda: [match.fields["Evidence"] for match in told(gate, device)] == ["ahead"])


def test_evidence_of_another_kind_is_told_too_and_of_the_same_kind_not(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.send(0, 4)
        talk.acknowledged(4)
    for _ in range(2):
        with Talk(device, gate.ports.devices, next_number=3) as talk:
            assert Forked() in talk.events
    with Talk(device, gate.ports.devices, epoch=8) as talk:
        talk.send(0, 1)
        talk.acknowledged(1)
    with Talk(device, gate.ports.devices, epoch=7, next_number=5) as talk:
        talk.send(5, 5)
        talk.acknowledged(5)
    wait_for(lambda: len(told(gate, device)) == 2)
    assert [match.fields["Evidence"] for match in told(gate, device)] == ["ahead", "returned"]


def test_a_device_whose_link_broke_is_no_clone(gate: Running, device: Member) -> None:
    for start in range(0, 30, 5):
        talk = Talk(device, gate.ports.devices, next_number=start)
        with talk:
            talk.send(start, start + 4)
            talk.acknowledged(start + 4)
            talk.web.socket.close()
    with Talk(device, gate.ports.devices, next_number=30) as talk:
        talk.send(25, 29)  # it never saw that receipt
        talk.send(30, 30)
        talk.acknowledged(30)
    assert not is_unproven(gate, device)
    assert told(gate, device) == []
    assert gate.hub.numbers(device.id) == list(range(31))


def batch(first: int, last: int, data: bytes = b"a", epoch: int = 7) -> Batch:
    return Batch(epoch, first, last, data)


def test_evidence_at_a_hello() -> None:
    trail = Trail()
    assert trail.greet(7, 5, -1) is None
    assert trail.greet(7, 5, 4) is None
    assert trail.greet(7, 5, 5) is Evidence.AHEAD
    assert trail.greet(8, 0, -1) is None
    assert trail.greet(7, 9, 5) is Evidence.RETURNED


def test_evidence_in_batches() -> None:
    trail = Trail()
    trail.greet(7, 0, -1)
    assert trail.offer(batch(0, 4), 1, -1).evidence is None
    assert trail.offer(batch(0, 4), 2, -1).evidence is None  # the same once more
    cut_otherwise = trail.offer(batch(3, 6), 3, -1)
    assert cut_otherwise.evidence is None
    assert cut_otherwise.is_foreign, "taken, its first numbers would be lost if they are another's"
    different = trail.offer(batch(0, 4, b"b"), 2, -1)
    assert different.evidence is Evidence.DIFFERENT
    assert different.is_foreign


def test_in_doubt_only_ones_own_numbers_come_twice() -> None:
    trail = Trail()
    trail.greet(7, 0, -1)
    trail.offer(batch(0, 4), 1, -1)
    trail.is_doubted = True
    assert trail.offer(batch(2, 6), 2, -1).is_foreign
    assert not trail.offer(batch(2, 6), 1, -1).is_foreign
    assert not trail.offer(batch(7, 8), 2, -1).is_foreign


def test_what_could_not_be_written_is_no_evidence() -> None:
    trail = Trail()
    trail.greet(7, 0, -1)
    trail.offer(batch(0, 4), 1, -1)
    trail.forget(7, 0)
    assert trail.offer(batch(0, 4, b"b"), 1, -1).evidence is None
