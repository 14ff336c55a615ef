"""Enrolling: the secret goes to the token's hub and to nobody else, and what is kept is ours and private."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from cryptography import x509

from carecordon.agent.enrol import NotEnrolled, Pass, enrol, read_token
from carecordon.agent.identity import Identity, make_key, make_request, open_identity, renew_at
from carecordon.hub.trust.authority import Issued
from carecordon.model.errors import TheirFault
from tests.agent.hubs import DEVICE, SECRET, enrolled, enrolling, make_ca, pem


def knock(folder: Path, port: int, token: Pass) -> Identity | NotEnrolled:
    return enrol(folder, "127.0.0.1", port, token, name="ward-pc-07", system="Windows 11")


def test_a_device_makes_its_own_key_and_gets_a_certificate_for_it(tmp_path: Path) -> None:
    authority = make_ca(tmp_path / "keys")
    token = read_token(f" {authority.fingerprint}.{SECRET}\n")
    with enrolling(authority, tmp_path / "keys", 9_443) as (port, told):
        identity = knock(tmp_path / "state", port, token)
    assert isinstance(identity, Identity)
    assert (identity.hub.device, identity.hub.port, identity.hub.host) == (DEVICE, 9_443, "127.0.0.1")
    assert [(one["secret"], one["host"], one["system"]) for one in told] == [(SECRET, "ward-pc-07", "Windows 11")]
    assert "PRIVATE" not in told[0]["request"]
    assert (identity.file.stat().st_mode & 0o777, (tmp_path / "state").stat().st_mode & 0o777) == (0o600, 0o700)
    certificate = x509.load_pem_x509_certificate(identity.file.read_bytes())
    assert identity.life()[1] - identity.life()[0] > 29 * 86_400 * 10**9
    certificate.verify_directly_issued_by(authority.certificate)
    assert open_identity(tmp_path / "state") == identity
    identity.context()


def test_the_secret_never_goes_to_another_hub(tmp_path: Path) -> None:
    authority, impostor = make_ca(tmp_path / "keys"), make_ca(tmp_path / "other")
    token = Pass(authority.fingerprint, SECRET)
    with enrolling(impostor, tmp_path / "other") as (port, told):
        answer = knock(tmp_path / "state", port, token)
    assert isinstance(answer, NotEnrolled)
    assert "is not the hub" in answer.reason
    assert not answer.may_retry
    assert told == []
    assert open_identity(tmp_path / "state") is None


def test_who_shows_the_hubs_ca_behind_a_certificate_of_its_own_gets_no_secret(tmp_path: Path) -> None:
    authority, impostor = make_ca(tmp_path / "keys"), make_ca(tmp_path / "other")
    chain = tmp_path / "other" / "server.crt"
    own = chain.read_text().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    chain.write_text(own + pem(authority))
    with enrolling(impostor, tmp_path / "other") as (port, told):
        answer = knock(tmp_path / "state", port, Pass(authority.fingerprint, SECRET))
    assert isinstance(answer, NotEnrolled)
    assert told == []


def test_a_device_cannot_play_the_hub_with_its_own_certificate(tmp_path: Path) -> None:
    authority = make_ca(tmp_path / "keys")
    device = enrolled(authority, tmp_path / "device", 1)
    (tmp_path / "device" / "server.crt").write_bytes(device.file.read_bytes())
    (tmp_path / "device" / "server.key").write_bytes(device.file.read_bytes())
    with enrolling(authority, tmp_path / "device") as (port, told):
        answer = knock(tmp_path / "state", port, Pass(authority.fingerprint, SECRET))
    assert isinstance(answer, NotEnrolled)
    assert told == []


@pytest.mark.parametrize(("status", "may_retry"), [(403, False), (429, True), (503, True)])
def test_a_refusal_says_whether_another_time_may_do(tmp_path: Path, status: int, may_retry: bool) -> None:
    authority = make_ca(tmp_path / "keys")
    with enrolling(authority, tmp_path / "keys", status=status) as (port, _):
        answer = knock(tmp_path / "state", port, Pass(authority.fingerprint, SECRET))
    assert isinstance(answer, NotEnrolled)
    assert (answer.may_retry, str(status) in answer.reason) == (may_retry, True)


def test_a_hub_that_is_not_there_may_be_tried_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = knock(tmp_path / "state", port, Pass("0" * 64, SECRET))
    assert isinstance(answer, NotEnrolled)
    assert answer.may_retry


@pytest.mark.parametrize(
    "changes",
    [{"devices_port": 0}, {"device": ""}, {"certificate": "none"}, {"authority": "none"}, {"device": 5}],
)
def test_an_answer_that_is_not_whole_is_not_kept(tmp_path: Path, changes: dict[str, object]) -> None:
    authority = make_ca(tmp_path / "keys")
    with (
        enrolling(authority, tmp_path / "keys", changes=changes) as (port, _),
        pytest.raises(TheirFault),
    ):
        knock(tmp_path / "state", port, Pass(authority.fingerprint, SECRET))
    assert open_identity(tmp_path / "state") is None


def test_a_certificate_for_another_key_is_not_taken(tmp_path: Path) -> None:
    authority = make_ca(tmp_path / "keys")
    identity = enrolled(authority, tmp_path / "state", 1)
    before = identity.file.read_bytes()
    issued = authority.issue(make_request(make_key(), "x"), DEVICE, time.time_ns())
    assert isinstance(issued, Issued)
    with pytest.raises(TheirFault, match="another key"):
        identity.renew(make_key(), issued.chain)
    assert identity.file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "abc", "0" * 64, "0" * 63 + ".secret", "0" * 64 + ".", "G" * 64 + ".secret"])
def test_what_is_no_token_is_told_without_its_secret(text: str) -> None:
    with pytest.raises(TheirFault) as caught:
        read_token(text)
    assert "secret" not in str(caught.value).replace("<secret>", "")


def test_devices_renew_around_half_of_the_life_of_their_certificates() -> None:
    assert [renew_at((0, 1_000), chance) for chance in (0.0, 0.5, 0.999)] == [400, 500, 599]
