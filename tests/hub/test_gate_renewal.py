"""Strangers who hold the places of enrolment do not keep out those whose certificate has expired."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from pathlib import Path

from carecordon.agent.enrol import NotEnrolled, renew_expired
from carecordon.agent.identity import Hub as AtHub
from carecordon.agent.identity import make_key, make_request, settle
from carecordon.hub.gate.enrolling import BURST, MAX_LINKS, MAX_OF_ADDRESS, RENEW, SHARE, Counter, EnrolmentLink
from carecordon.hub.trust.authority import Issued
from carecordon.hub.trust.enrolment import Answer
from carecordon.model.device import DeviceKind, NewDevice
from tests.agent.hubs import pem
from tests.hub.gate_kit import Running, wait_for
from tests.hub.strangers import HEAD, Manner, strangers

DAY_NS = 86_400 * 10**9


def refused(gate: Running, folder: Path) -> NotEnrolled | None:
    """Return why a device whose certificate expired ten days ago gets no new one at its first try."""
    key, at, device = make_key(), time.time_ns() - 40 * DAY_NS, os.urandom(16).hex()
    issued = gate.hub.authority.issue(make_request(key, "ward-pc-07"), device, at)
    assert isinstance(issued, Issued)
    new = NewDevice(device, folder.name, "Linux", DeviceKind.AGENT, issued.certificate)
    gate.hub.register.devices.add(new, "wards", at)
    hub = AtHub("127.0.0.1", gate.ports.devices, device, pem(gate.hub.authority), gate.ports.enrol)
    return renew_expired(settle(folder, hub, key, issued.chain), "ward-pc-07")


def test_a_device_renews_while_strangers_hold_every_place(gate: Running, tmp_path: Path) -> None:
    with strangers(gate.ports.enrol, Manner.LORIS, MAX_LINKS + 100, 250, tmp_path / "strangers") as band:
        wait_for(lambda: gate.figures().get("enrol_full_total", 0) > 100, 60.0)
        for number in range(5):
            assert refused(gate, tmp_path / f"device-{number}") is None
        assert band.figures().ended > 100, "those who came first made room"


def test_a_device_renews_from_an_address_all_of_whose_places_a_stranger_holds(gate: Running, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(gate.hub.paths.keys / "ca.crt"))
    with contextlib.ExitStack() as stack:
        links = []
        for _ in range(MAX_OF_ADDRESS):
            bare = stack.enter_context(socket.create_connection(("127.0.0.1", gate.ports.enrol), 20))
            links.append(stack.enter_context(context.wrap_socket(bare, server_hostname="127.0.0.1")))
            links[-1].sendall(HEAD)
        assert refused(gate, tmp_path / "device") is None


async def _never(path: str, body: bytes) -> Answer:
    raise AssertionError(path, body)


class Standing(EnrolmentLink):
    """A link without a connection, that says whether it was dropped."""

    def __init__(self, counter: Counter, address: str) -> None:
        super().__init__(counter)
        self.address = address
        self.is_dropped = False

    def drop(self) -> None:
        self.is_dropped = True


def test_the_oldest_that_has_not_asked_makes_room_first_of_its_own_address() -> None:
    counter = Counter(_never, lambda: 0, lambda _: None)
    links = [Standing(counter, f"192.0.2.{number // MAX_OF_ADDRESS}") for number in range(MAX_LINKS)]
    for link in links:
        counter.enter(link)
    assert not any(link.is_dropped for link in links)
    links[0].is_asking = True
    counter.enter(Standing(counter, "198.51.100.1"))
    assert [number for number, link in enumerate(links) if link.is_dropped] == [1]
    counter.enter(Standing(counter, "192.0.2.3"))
    counter.enter(Standing(counter, "192.0.2.3"))
    assert [number for number, link in enumerate(links) if link.is_dropped] == [1, 96, 97]
    assert len(counter.links) == MAX_LINKS
    for other in counter.links:
        other.is_asking = True
    late = Standing(counter, "203.0.113.1")
    counter.enter(late)
    assert late.is_dropped, "all others wait for their answers"
    counter.leave(late)
    assert len(counter.links) == MAX_LINKS


def test_one_address_uses_up_no_more_than_a_part_of_what_renewals_may() -> None:
    counter = Counter(_never, lambda: 0, lambda _: None)
    taken = sum(not counter.take("192.0.2.1", RENEW) for _ in range(BURST))
    assert taken == BURST // SHARE // SHARE
    assert counter.take("192.0.2.2", RENEW) == 0
