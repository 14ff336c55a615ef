"""Enrolling over the wire: a secret and a signing request make a device, once; everything else makes nothing."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from carecordon.hub.gate.bucket import NANOSECONDS, Bucket
from carecordon.hub.gate.enrolling import BURST, MAX_BODY, MAX_OF_ADDRESS, MAX_PENDING, PER_MINUTE, RENEW, Counter
from carecordon.hub.trust.authority import Issued
from carecordon.hub.trust.enrolment import Answer
from carecordon.hub.trust.identity import DAY_NS, proof_text
from carecordon.model.device import DeviceKind, Standing
from tests.hub.gate_kit import Hub, Member, Running, Talk, make_hub, member, request_of, running, wait_for


def context_of(hub: Hub) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(hub.paths.keys / "ca.crt"))


def post(gate: Running, body: bytes, path: str = "/enrol", method: str = "POST") -> tuple[int, dict[str, Any]]:
    link = http.client.HTTPSConnection("127.0.0.1", gate.ports.enrol, timeout=20, context=context_of(gate.hub))
    try:
        link.request(method, path, body)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        link.close()


def asked(secret: str, request: str) -> bytes:
    return json.dumps({"secret": secret, "request": request, "host": "ward-pc-07", "system": "Windows 11"}).encode()


def test_a_device_enrols_and_speaks_at_once(gate: Running, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    status, answer = post(gate, asked(gate.hub.token(), request_of(key)))
    assert status == 200
    assert set(answer) == {"device", "certificate", "authority", "devices_port", "kind"}
    assert answer["kind"] == "agent"
    assert answer["devices_port"] == gate.ports.devices
    authority = x509.load_pem_x509_certificate(answer["authority"].encode())
    assert authority.fingerprint(hashes.SHA256()).hex() == gate.hub.authority.fingerprint
    tmp_path.joinpath("device").mkdir()
    made = Member(gate.hub, tmp_path / "device", answer["device"], key)
    made.keep(answer["certificate"])
    with Talk(made, gate.ports.devices) as talk:
        talk.send(0, 2)
        talk.acknowledged(2)
    known = gate.hub.register.devices.get(made.id)
    assert known is not None
    assert (known.name, known.system, known.standing) == ("ward-pc-07", "Windows 11", Standing.ACTIVE)
    assert known.kind is DeviceKind.AGENT


def test_what_comes_with_a_forwarders_token_is_a_forwarder(gate: Running) -> None:
    secret = gate.hub.token(kind=DeviceKind.FORWARDER)
    _, answer = post(gate, asked(secret, request_of(ec.generate_private_key(ec.SECP256R1()))))
    known = gate.hub.register.devices.get(answer["device"])
    assert known is not None
    assert known.kind is DeviceKind.FORWARDER


def test_a_token_is_good_for_as_many_as_it_says(gate: Running) -> None:
    secret = gate.hub.token(uses=2)
    key = ec.generate_private_key(ec.SECP256R1())
    assert [post(gate, asked(secret, request_of(key)))[0] for _ in range(3)] == [200, 200, 401]
    assert "as often as it may be" in post(gate, asked(secret, request_of(key)))[1]["error"]


def test_an_expired_or_unknown_secret_lets_nobody_in(gate: Running) -> None:
    request = request_of(ec.generate_private_key(ec.SECP256R1()))
    late = post(gate, asked(gate.hub.token(expires=time.time_ns() - 1), request))
    assert late[0] == 401
    assert "expired" in late[1]["error"]
    for secret in ("0" * 64, "", "x", "'; DROP TABLE devices"):
        status, said = post(gate, asked(secret, request))
        assert (status, "no such enrolment token" in said["error"]) == (401, True)


def test_a_bad_request_uses_up_no_token(gate: Running) -> None:
    secret = gate.hub.token()
    weak = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    old = weak.sign(rsa.generate_private_key(65_537, 2_048), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    good = request_of(ec.generate_private_key(ec.SECP256R1()))
    der = base64.b64decode("".join(good.splitlines()[1:-1]))
    forged = base64.b64encode(der[:-1] + bytes([der[-1] ^ 1])).decode()
    for request in (
        "",
        "no request",
        old,
        f"-----BEGIN CERTIFICATE REQUEST-----\n{forged}\n-----END CERTIFICATE REQUEST-----",
    ):
        status, answer = post(gate, asked(secret, request))
        assert (status, "request" in answer["error"]) == (400, True)
    assert post(gate, asked(secret, good))[0] == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b"[" * 10_000, b'{"secret": 1, "request": "", "host": "a", "system": "b"}',
     json.dumps({"secret": "s", "request": "r", "host": "", "system": "b"}).encode(),
     json.dumps({"secret": "s", "request": "r", "host": "h" * 257, "system": "b"}).encode(),
     json.dumps({"secret": "s", "request": "r" * 20_000, "host": "h", "system": "b"}).encode()],
    ids=range(9),
)  # fmt: skip
def test_a_body_that_is_none_is_refused(gate: Running, body: bytes) -> None:
    assert post(gate, body)[0] == 400


def test_other_paths_methods_and_sizes_are_refused(gate: Running) -> None:
    assert post(gate, b"{}", "/")[0] == 404
    assert post(gate, b"{}", "/enrol/../secrets")[0] == 404
    assert post(gate, b"", method="GET")[0] == 405
    assert post(gate, b" " * (MAX_BODY + 1))[0] == 413


def test_what_is_no_http_is_refused_and_closed(gate: Running) -> None:
    for words in (b"\x00\x01\x02\r\n\r\n", b"POST /enrol HTTP/9.9\r\n\r\n", b"POST " + b"a" * 100_000):
        with (
            socket.create_connection(("127.0.0.1", gate.ports.enrol), 20) as plain,
            context_of(gate.hub).wrap_socket(plain, server_hostname="127.0.0.1") as link,
        ):
            link.sendall(words)
            said = b""
            while more := link.recv(4_096):
                said += more
            assert said.startswith(b"HTTP/1.1 4")


def test_older_tls_is_refused_here_too(gate: Running) -> None:
    context = context_of(gate.hub)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", gate.ports.enrol), 20) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(plain, server_hostname="127.0.0.1"),
    ):
        pass


def renewal(device: Member, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    chain = (device.folder / "device.crt").read_text("ascii")
    leaf = chain[: chain.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    request = request_of(ec.generate_private_key(ec.SECP256R1()))
    proof = (key or device.key).sign(proof_text(request.encode()), ec.ECDSA(hashes.SHA256()))
    return json.dumps({"certificate": leaf, "request": request, "proof": base64.b64encode(proof).decode()}).encode()


def test_an_expired_certificate_is_renewed_by_its_own_key_alone(gate: Running, tmp_path: Path) -> None:
    device = member(gate.hub, tmp_path / "device", issued_ago_s=60 * 86_400)
    assert post(gate, renewal(device, ec.generate_private_key(ec.SECP256R1())), "/renew") == (401, {"error": "refused"})
    status, answer = post(gate, renewal(device), "/renew")
    assert (status, answer["device"]) == (200, device.id)
    gate.hub.register.devices.revoke(device.id, "stolen", "admin", time.time_ns())
    assert post(gate, renewal(device), "/renew") == (401, {"error": "refused"})


def test_one_too_old_is_not_renewed(gate: Running, tmp_path: Path) -> None:
    device = member(gate.hub, tmp_path / "device", issued_ago_s=300 * 86_400)
    assert post(gate, renewal(device), "/renew")[0] == 401


def test_one_that_the_hub_forgot_in_a_restore_is_renewed_by_its_own_key_alone(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device", issued_ago_s=100 * 86_400)
    now = time.time_ns()
    issued = hub.authority.issue(request_of(device.key), device.id, now - 60 * DAY_NS)
    assert isinstance(issued, Issued)
    device.keep(issued.chain)
    with running(hub) as gate:
        assert post(gate, renewal(device), "/renew")[0] == 401
        hub.register.devices.restored(now - 70 * DAY_NS, now)
        stranger = ec.generate_private_key(ec.SECP256R1())
        assert post(gate, renewal(device, stranger), "/renew") == (401, {"error": "refused"})
        assert hub.register.devices.by_certificate(issued.certificate.fingerprint) is None
        status, answer = post(gate, renewal(device), "/renew")
    assert (status, answer["device"]) == (200, device.id)
    hub.register.close()


def test_what_was_asked_and_why_it_was_refused_is_in_the_log_and_no_secret(gate: Running) -> None:
    secret = gate.hub.token(uses=1)
    request = request_of(ec.generate_private_key(ec.SECP256R1()))
    assert [post(gate, asked(secret, request))[0] for _ in range(2)] == [200, 401]
    wait_for(lambda: any("as often" in line.get("why", "") for line in gate.log()))
    assert any(line["event"] == "enrolled" for line in gate.log())
    assert secret not in (gate.hub.paths.data / "gate.log").read_text("utf-8")


async def _never(path: str, body: bytes) -> Answer:
    raise AssertionError(path, body)


def test_ten_thousand_a_minute_may_come() -> None:
    now = 0
    counted: list[str] = []
    shared = Counter(_never, lambda: now, counted.append)
    assert isinstance(shared.bucket, Bucket)
    taken = 0
    for now in range(0, 60 * NANOSECONDS, NANOSECONDS // 500):
        taken += not shared.bucket.take(1.0, now)
    assert PER_MINUTE - 10 <= taken <= PER_MINUTE + BURST


def test_one_address_takes_no_more_than_its_part_and_renewals_have_their_own() -> None:
    shared = Counter(_never, lambda: 0, lambda _: None)
    assert sum(not shared.take("192.0.2.1", "/enrol") for _ in range(2 * BURST)) == BURST // 2
    assert sum(not shared.take("192.0.2.2", "/enrol") for _ in range(2 * BURST)) == BURST // 2
    assert shared.take("192.0.2.3", "/enrol") > 0, "all that may enrol at once have come"
    assert shared.take("192.0.2.3", RENEW) == 0
    shared.pending = MAX_PENDING - 1
    assert (shared.is_busy("/enrol"), shared.is_busy(RENEW)) == (True, False)


def test_one_address_that_only_connects_holds_few_places_and_not_for_long(gate: Running) -> None:
    context = context_of(gate.hub)
    with contextlib.ExitStack() as stack:
        links = []
        for _ in range(MAX_OF_ADDRESS + 1):
            bare = stack.enter_context(socket.create_connection(("127.0.0.1", gate.ports.enrol), 20))
            links.append(stack.enter_context(context.wrap_socket(bare, server_hostname="127.0.0.1")))
        for link in links:
            with contextlib.suppress(ConnectionError):
                assert link.recv(1) == b""
    wait_for(lambda: gate.figures().get("enrol_crowded_total", 0) >= 1)
    assert post(gate, b"{}")[0] == 400
