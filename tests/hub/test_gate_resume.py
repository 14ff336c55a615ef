"""Coming back by a ticket: cheap for both sides, and judged as any other arrival."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

from carecordon.hub.trust.revocations import revoke_device
from tests.hub.gate_kit import Member, Running, Talk, member, running, wait_for

LIFE_S = 30 * 86_400.0
"""Of a certificate."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def came(gate: Running, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> tuple[ssl.SSLSession, bool]:
    """Come in; return the session, and whether it was resumed."""
    with (
        socket.create_connection(("127.0.0.1", gate.ports.devices), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as link,
    ):
        link.sendall(UPGRADE)
        assert link.recv(8) == b"HTTP/1.1"
        assert link.session is not None
        return link.session, bool(link.session_reused)


class Ticketed(Member):
    """A device that comes by a ticket whenever it connects."""

    kept: ssl.SSLContext

    def context(self, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        return self.kept


def ticketed(gate: Running, folder: Path, **given: Any) -> tuple[Ticketed, list[bool]]:
    """Return a device that holds a ticket, and a list of whether its later sessions were resumed."""
    one = member(gate.hub, folder, **given)
    resumed: list[bool] = []
    context = one.context()
    session, _ = came(gate, context)
    plainly = context.wrap_socket

    def wrap(*some: Any, **named: Any) -> ssl.SSLSocket:
        link = plainly(*some, **(named | {"session": session}))
        resumed.append(bool(link.session_reused))
        return link

    context.wrap_socket = wrap  # type: ignore[method-assign]  # what `websockets` calls
    device = Ticketed(one.hub, one.folder, one.id, one.key)
    device.kept = context
    return device, resumed


def test_who_comes_back_resumes_and_is_let_in(gate: Running, tmp_path: Path) -> None:
    device, resumed = ticketed(gate, tmp_path / "device")
    before = gate.figures().get("resumed_total", 0.0)
    with Talk(device, gate.ports.devices) as talk:
        talk.send(0, 3)
        talk.acknowledged(3)
    assert resumed == [True]
    assert gate.hub.numbers(device.id) == [0, 1, 2, 3]
    wait_for(lambda: gate.figures().get("resumed_total", 0.0) == before + 1)


def test_a_ticket_lets_no_revoked_device_in(gate: Running, tmp_path: Path) -> None:
    device, resumed = ticketed(gate, tmp_path / "device")
    hub = gate.hub
    assert revoke_device(hub.register, hub.paths.keys, device.id, "stolen", "admin", time.time_ns())

    def is_turned_away() -> bool:
        with Talk(device, gate.ports.devices) as talk:
            return any("revoked" in getattr(event, "reason", "") for event in talk.events)

    wait_for(is_turned_away)
    assert set(resumed) == {True}


def test_a_ticket_lets_no_expired_certificate_in(gate: Running, tmp_path: Path) -> None:
    left_s = 6.0
    ends = time.time() + left_s
    device, resumed = ticketed(gate, tmp_path / "device", issued_ago_s=LIFE_S - left_s)
    wait_for(lambda: time.time() > ends + 1)
    with Talk(device, gate.ports.devices) as talk:
        assert "expired" in talk.ended().reason
    assert resumed == [True]


def test_another_gate_does_not_know_the_ticket_and_lets_the_device_in_all_the_same(
    gate: Running, tmp_path: Path
) -> None:
    device, resumed = ticketed(gate, tmp_path / "device")
    with running(gate.hub) as other, Talk(device, other.ports.devices) as talk:  # no fork of the same supervisor
        talk.send(0, 3)
        talk.acknowledged(3)
    assert resumed == [False]
