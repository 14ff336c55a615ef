"""Who may speak to a gate: a device with its own certificate, in its time, that the register knows."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509

from carecordon.hub.trust.authority import Issued, make_authority
from carecordon.hub.trust.identity import DAY_NS
from carecordon.wire.session import Ended, Fault, Renewed
from tests.hub.gate_kit import ODS, Member, Running, Talk, make_hub, member, request_of, running, wait_for


@pytest.fixture
def device(gate: Running, tmp_path: Path) -> Member:
    return member(gate.hub, tmp_path / "device")


def shut_out(gate: Running, context: ssl.SSLContext) -> bool:
    """Return whether TLS itself lets nobody in: with 1.3 a client may learn of it only when it reads."""
    with socket.create_connection(("127.0.0.1", gate.ports.devices), 10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as link:
                link.sendall(b"GET / HTTP/1.1\r\n\r\n")
                return not link.recv(1)
        except (ssl.SSLError, ConnectionError):
            return True


def turned_away(gate: Running, device: Member) -> Ended:
    """Return how a device is told that it may not come in."""
    with Talk(device, gate.ports.devices) as talk:
        return talk.ended()


def test_older_tls_is_refused(gate: Running, device: Member) -> None:
    assert shut_out(gate, device.context(ssl.TLSVersion.TLSv1_2))
    assert not shut_out(gate, device.context())


def test_no_certificate_is_refused(gate: Running) -> None:
    assert shut_out(gate, ssl.create_default_context(cafile=str(gate.hub.paths.keys / "ca.crt")))


def test_a_certificate_of_another_authority_is_refused(gate: Running, tmp_path: Path) -> None:
    other = make_authority(tmp_path / "keys", ODS, "St Example's", time.time_ns())
    assert shut_out(gate, member(gate.hub, tmp_path / "device", authority=other).context())


def test_an_expired_certificate_is_refused(gate: Running, tmp_path: Path) -> None:
    assert shut_out(gate, member(gate.hub, tmp_path / "device", issued_ago_s=31 * 86_400).context())


def test_the_hubs_own_certificate_is_no_devices(gate: Running) -> None:
    keys = gate.hub.paths.keys
    context = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    assert shut_out(gate, context)


def test_plain_words_are_refused(gate: Running) -> None:
    with socket.create_connection(("127.0.0.1", gate.ports.devices), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        plain.settimeout(20)
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in plain.recv(1_000)


def test_a_device_that_the_register_does_not_know_is_told_to_enrol(gate: Running, device: Member) -> None:
    issued = gate.hub.authority.issue(request_of(device.key), "ab" * 16, time.time_ns())
    device.keep(issued.chain)  # type: ignore[union-attr]  # the request is good
    end = turned_away(gate, device)
    assert "enrol again" in end.reason
    assert end.retry_s == -1


def test_a_device_revoked_before_it_comes_is_told_so(gate: Running, device: Member) -> None:
    gate.hub.register.devices.revoke(device.id, "stolen", "admin", time.time_ns())
    end = turned_away(gate, device)
    assert "revoked" in end.reason
    assert end.retry_s == -1


def test_a_device_revoked_in_its_session_is_cut_off(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.send(0, 1)
        talk.acknowledged(1)
        gate.hub.register.devices.revoke(device.id, "stolen", "admin", time.time_ns())
        began = time.monotonic()
        end = talk.ended()
    assert time.monotonic() - began < 60
    assert end.fault is Fault.NOBODY
    assert "revoked" in end.reason
    assert gate.hub.numbers(device.id) == [0, 1]


def test_a_held_device_is_asked_to_come_again(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    held = member(hub, tmp_path / "held")
    hub.register.devices.hold("restored from a backup", "admin", time.time_ns())
    with running(hub) as process:
        end = turned_away(process, held)
        assert end.retry_s == 300
        hub.register.devices.confirm([held.id], "admin", time.time_ns())
        wait_for(lambda: comes_in(process, held))
    hub.register.close()


def comes_in(gate: Running, device: Member) -> bool:
    with Talk(device, gate.ports.devices) as talk:
        return not any(isinstance(event, Ended) for event in talk.events)


def test_a_certificate_is_renewed_in_the_session_and_both_are_good(gate: Running, tmp_path: Path) -> None:
    device = member(gate.hub, tmp_path / "device", issued_ago_s=15 * 86_400)
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(talk.session.renew(request_of(device.key)))
        talk.until(lambda: any(isinstance(event, Renewed) for event in talk.events))
        renewed = next(event for event in talk.events if isinstance(event, Renewed))
    with Talk(device, gate.ports.devices) as talk:  # the former one: the new one may not have arrived
        talk.send(0, 0)
        talk.acknowledged(0)
    leaf = x509.load_pem_x509_certificate(renewed.certificate.encode())
    left = leaf.not_valid_after_utc.timestamp() - time.time()
    assert 29 < left / 86_400 <= 30
    device.keep(renewed.certificate)
    with Talk(device, gate.ports.devices, next_number=1) as talk:
        talk.send(1, 1)
        talk.acknowledged(1)
    kept = gate.hub.register.devices.get(device.id)
    assert kept is not None
    assert kept.expires > time.time_ns() + 29 * DAY_NS


def test_a_fresh_certificate_or_a_bad_request_renews_nothing(gate: Running, device: Member, tmp_path: Path) -> None:
    before = gate.figures().get("renewals_refused_total", 0.0)
    older = member(gate.hub, tmp_path / "older", issued_ago_s=15 * 86_400)
    with Talk(device, gate.ports.devices) as talk, Talk(older, gate.ports.devices) as other:
        talk.web.send(talk.session.renew(request_of(device.key)))
        other.web.send(other.session.renew("no request"))
        wait_for(lambda: gate.figures().get("renewals_refused_total", 0.0) >= before + 2)
        talk.send(0, 0)
        other.send(0, 0)
        talk.acknowledged(0)
        other.acknowledged(0)


def renewed_elsewhere(device: Member, ago_s: float) -> None:
    """Let a device have a certificate that the hub issued so long ago and has forgotten in a restore."""
    issued = device.hub.authority.issue(request_of(device.key), device.id, time.time_ns() - int(ago_s * 1e9))
    assert isinstance(issued, Issued)
    device.keep(issued.chain)


def test_a_device_that_renewed_between_a_backup_and_its_restore_comes_in(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    day = 86_400.0
    since, fits, early, revoked = (member(hub, tmp_path / name, issued_ago_s=20 * day) for name in "abcd")
    now = time.time_ns()
    for device, days in ((fits, 2.0), (early, 6.0), (revoked, 2.0)):
        renewed_elsewhere(device, days * day)
    hub.register.devices.revoke(revoked.id, "stolen", "admin", now)
    with running(hub) as process:
        assert not comes_in(process, fits), "no hub was restored: it must be in the register"
        hub.register.devices.restored(now - int(4 * day * 1e9), now)
        assert comes_in(process, since)
        assert comes_in(process, fits)
        assert "enrol again" in turned_away(process, early).reason
        assert "revoked" in turned_away(process, revoked).reason
        known = hub.register.devices.get(fits.id)
        assert known is not None
        assert known.expires > now + 27 * DAY_NS
    hub.register.close()
