"""The hub's certificate authority: what it issues is accepted, what it did not make is nobody's."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from carecordon.hub.trust.authority import (
    Authority,
    Issued,
    RequestRefused,
    make_authority,
    open_authority,
    server_is_due,
)
from carecordon.hub.trust.identity import (
    DAY_NS,
    DEVICE_DAYS,
    GRACE_DAYS,
    Identity,
    IdentityRefusal,
    RenewalRefusal,
    is_proof,
    may_renew,
    proof_text,
    renew_at,
    urn_of,
)
from carecordon.hub.trust.keyfile import too_open
from carecordon.model.device import Certificate, Device, DeviceKind, Standing
from carecordon.model.errors import TheirFault

NOW = 1_800_000_000_000_000_000
DEVICE = "0123456789abcdef" * 2
ODS = "X99"
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request(key: Key, names: list[x509.GeneralName] | None = None) -> bytes:
    """Return a signing request that asks for more than it gets."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def pem_of(key: Key) -> bytes:
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "keys"
    make_authority(folder, ODS, "Example Trust", NOW).issue_server(folder, ["hub.example.org", "192.0.2.7"], NOW)
    return folder


@pytest.fixture(scope="module")
def authority(keys: Path) -> Authority:
    return open_authority(keys, ODS)


def issued(authority: Authority, key: Key, now: int = NOW) -> Issued:
    found = authority.issue(request(key), DEVICE, now)
    assert isinstance(found, Issued)
    return found


def test_keys_are_for_the_owner_only(keys: Path) -> None:
    assert too_open(keys) == []
    assert sorted(path.name for path in keys.iterdir()) == [
        *("ca.crt", "ca.key", "revoked.log", "server.crt", "server.key")
    ]
    assert (keys.stat().st_mode & 0o777, (keys / "ca.key").stat().st_mode & 0o777) == (0o700, 0o600)


def test_what_others_may_read_is_told(tmp_path: Path) -> None:
    make_authority(tmp_path / "keys", ODS, "Example Trust", NOW)
    (tmp_path / "keys" / "ca.key").chmod(0o640)
    (found,) = too_open(tmp_path / "keys")
    assert "ca.key" in found
    assert "chmod 0600" in found


def test_a_second_authority_is_not_made(keys: Path) -> None:
    before = (keys / "ca.key").read_bytes()
    with pytest.raises(TheirFault, match="already"):
        make_authority(keys, ODS, "Example Trust", NOW)
    assert (keys / "ca.key").read_bytes() == before


def test_the_wrong_keys_are_told(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="not that of Y11"):
        open_authority(keys, "Y11")
    with pytest.raises(TheirFault, match="are these this hub's keys"):
        open_authority(tmp_path, ODS)
    other = tmp_path / "other"
    make_authority(other, ODS, "Example Trust", NOW)
    (other / "ca.key").write_bytes((keys / "ca.key").read_bytes())
    with pytest.raises(TheirFault, match=r"not the key of ca\.crt"):
        open_authority(other, ODS)


def test_a_device_gets_what_the_hub_says_and_not_what_it_asks(authority: Authority) -> None:
    key = p256()
    wanted = request(key, [x509.DNSName("hub.example.org"), x509.UniformResourceIdentifier(urn_of("Y11", "f" * 32))])
    found = authority.issue(wanted.decode(), DEVICE, NOW)
    assert isinstance(found, Issued)
    certificate, above = x509.load_pem_x509_certificates(found.chain.encode())
    assert above == authority.certificate
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(f"urn:carecordon:X99:{DEVICE}")]
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == DEVICE
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert found.certificate.expires - found.certificate.issued == DEVICE_DAYS * DAY_NS
    assert found.certificate.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()


@pytest.mark.parametrize(
    "make", [p256, lambda: ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate]
)
def test_keys_that_are_taken(authority: Authority, make: Callable[[], Key]) -> None:
    found = authority.issue(request(make()), DEVICE, NOW)
    assert isinstance(found, Issued)
    identity = authority.identify(found.chain.encode(), NOW)
    assert identity == Identity(DEVICE, found.certificate)


def unsigned(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a request whose last signature byte was changed."""
    der = bytearray(x509.load_pem_x509_csr(request(key)).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: request(rsa.generate_private_key(65537, 2048)), "kind that is not taken"),
        (lambda: request(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
        (lambda: unsigned(p256()), "not signed by its own key"),
        (lambda: b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "cannot be read"),
        (lambda: "nothing \ud800 of the kind", "cannot be read"),
        (lambda: b"x" * 20_000, "20000 bytes"),
    ],
)
def test_requests_that_are_refused(authority: Authority, make: Callable[[], bytes | str], says: str) -> None:
    found = authority.issue(make(), DEVICE, NOW)
    assert isinstance(found, RequestRefused)
    assert says in found.reason


def forged(authority: Authority, **changes: Any) -> bytes:
    """Return a certificate like the authority's own, signed by its key, but for what `changes` says."""
    key = p256()
    names = changes.get("names", [x509.UniformResourceIdentifier(urn_of(ODS, DEVICE))])
    start = datetime.fromtimestamp(NOW / 1e9, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(authority.certificate.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=changes.get("ca", False), path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    usage = changes.get("usage", [ExtendedKeyUsageOID.CLIENT_AUTH])
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    signed = builder.sign(changes.get("key", authority._key), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def uri(text: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(text)]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"key": p256()}, IdentityRefusal.FOREIGN),
        ({"ca": True}, IdentityRefusal.USE),
        ({"usage": []}, IdentityRefusal.USE),
        ({"usage": [ExtendedKeyUsageOID.SERVER_AUTH]}, IdentityRefusal.USE),
        ({"usage": [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]}, IdentityRefusal.USE),
        ({"names": []}, IdentityRefusal.USE),
        ({"names": [x509.DNSName(DEVICE)]}, IdentityRefusal.NAME),
        ({"names": uri(urn_of(ODS, DEVICE)) + uri(urn_of(ODS, "f" * 32))}, IdentityRefusal.NAME),
        ({"names": [*uri(urn_of(ODS, DEVICE)), x509.DNSName("localhost")]}, IdentityRefusal.NAME),
        ({"names": uri(urn_of(ODS, DEVICE.upper()))}, IdentityRefusal.NAME),
        ({"names": uri(urn_of(ODS, DEVICE) + "0")}, IdentityRefusal.NAME),
        ({"names": uri(urn_of(ODS, DEVICE) + "\n")}, IdentityRefusal.NAME),
        ({"names": uri("x" + urn_of(ODS, DEVICE))}, IdentityRefusal.NAME),
        ({"names": uri(urn_of("Y11", DEVICE))}, IdentityRefusal.ORGANISATION),
    ],
)
def test_only_what_the_hub_issues_is_anybody(
    authority: Authority, changes: dict[str, Any], refusal: IdentityRefusal | None
) -> None:
    found = authority.identify(forged(authority, **changes), NOW)
    assert (found if isinstance(found, IdentityRefusal) else None) is refusal


def test_another_hubs_devices_are_nobody(authority: Authority, tmp_path: Path) -> None:
    twin = make_authority(tmp_path / "keys", ODS, "Example Trust", NOW)
    found = twin.issue(request(p256()), DEVICE, NOW)
    assert isinstance(found, Issued)
    assert authority.identify(found.chain.encode(), NOW) is IdentityRefusal.FOREIGN
    named_alike = x509.load_pem_x509_certificate(found.chain.encode())
    assert named_alike.issuer == authority.certificate.subject


def test_a_certificate_has_its_time(authority: Authority) -> None:
    chain = issued(authority, p256()).chain.encode()
    hour = DAY_NS // 24
    assert authority.identify(chain, NOW - hour) is IdentityRefusal.EARLY
    assert isinstance(authority.identify(chain, NOW + 30 * DAY_NS - hour), Identity)
    assert authority.identify(chain, NOW + 30 * DAY_NS + hour) is IdentityRefusal.EXPIRED


@given(st.binary(max_size=200))
def test_no_bytes_are_anybody(authority: Authority, data: bytes) -> None:
    assert isinstance(authority.identify(data, NOW), IdentityRefusal)


@given(st.integers(0, 2_000), st.integers(1, 255))
def test_no_changed_byte_is_believed(authority: Authority, place: int, flip: int) -> None:
    der = bytearray(
        x509.load_pem_x509_certificate(ISSUED[authority.fingerprint]).public_bytes(serialization.Encoding.DER)
    )
    der[place % len(der)] ^= flip
    assert isinstance(authority.identify(bytes(der), NOW), IdentityRefusal)


ISSUED: dict[str, bytes] = {}


@pytest.fixture(autouse=True)
def one_is_issued(authority: Authority) -> None:
    """Issue one certificate for all examples of a property."""
    if authority.fingerprint not in ISSUED:
        ISSUED[authority.fingerprint] = issued(authority, p256()).chain.encode()


def device(standing: Standing) -> Device:
    return Device(DEVICE, "W", "L", DeviceKind.AGENT, standing, "", NOW, "t", "f", "1", NOW)


@pytest.mark.parametrize(
    ("standing", "days", "refusal"),
    [
        (Standing.ACTIVE, 15, None),
        (Standing.ACTIVE, 30 + GRACE_DAYS - 1, None),
        (Standing.ACTIVE, 30 + GRACE_DAYS + 1, RenewalRefusal.TOO_LATE),
        (Standing.UNPROVEN, 15, None),
        (Standing.HELD, 15, RenewalRefusal.HELD),
        (Standing.REVOKED, 15, RenewalRefusal.REVOKED),
        (None, 15, RenewalRefusal.UNKNOWN),
    ],
)
def test_who_may_renew(standing: Standing | None, days: int, refusal: RenewalRefusal | None) -> None:
    shown = Certificate("f", "1", NOW, NOW + 30 * DAY_NS)
    owner = None if standing is None else device(standing)
    assert may_renew(owner, shown, NOW + days * DAY_NS) is refusal


@given(st.floats(0, 1, exclude_max=True))
def test_renewal_is_around_half_of_life(chance: float) -> None:
    at = renew_at(Certificate("f", "1", NOW, NOW + 30 * DAY_NS), chance)
    assert 12 * DAY_NS <= at - NOW <= 18 * DAY_NS


def test_an_expired_certificate_is_renewed_with_proof_of_its_key(authority: Authority) -> None:
    old, new = p256(), p256()
    chain, wanted = issued(authority, old).chain.encode(), request(new)
    proof = old.sign(proof_text(wanted), ec.ECDSA(hashes.SHA256()))
    assert is_proof(chain, wanted, proof)
    assert not is_proof(chain, request(new), proof)
    assert not is_proof(chain, wanted, new.sign(proof_text(wanted), ec.ECDSA(hashes.SHA256())))
    assert not is_proof(chain, wanted, old.sign(wanted, ec.ECDSA(hashes.SHA256())))
    assert not is_proof(b"no certificate", wanted, proof)
    edwards = ed25519.Ed25519PrivateKey.generate()
    assert is_proof(issued(authority, edwards).chain.encode(), wanted, edwards.sign(proof_text(wanted)))


def test_the_servers_certificate_is_made_anew_when_it_is_due(authority: Authority, tmp_path: Path) -> None:
    assert "there is none" in server_is_due(authority, tmp_path, [], NOW)
    authority.issue_server(tmp_path, ["hub.example.org", "192.0.2.7"], NOW)
    assert server_is_due(authority, tmp_path, ["hub.example.org", "192.0.2.7"], NOW) == ""
    assert "does not name 192.0.2.8" in server_is_due(authority, tmp_path, ["192.0.2.8"], NOW)
    assert "half of its life" in server_is_due(authority, tmp_path, [], NOW + 200 * DAY_NS)
    assert "clock" in server_is_due(authority, tmp_path, [], NOW - DAY_NS)
    other = make_authority(tmp_path / "other", ODS, "Example Trust", NOW)
    assert "there is none that can be used" in server_is_due(other, tmp_path, [], NOW)
    (tmp_path / "server.key").write_bytes(pem_of(p256()))
    assert "not the key" in server_is_due(authority, tmp_path, [], NOW)


def test_names_that_are_none_are_told(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="no host name"):
        authority.issue_server(tmp_path, ["krankenhäuser.example.org"], NOW)


def shaken(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Return the server's side of a session, after client and server have talked until both are content."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server.wrap_bio(up, down, server_side=True)
    there = client.wrap_bio(down, up, server_hostname=name)
    waits = {"here": here, "there": there}
    for _ in range(20):
        for side, session in list(waits.items()):
            try:
                session.do_handshake()
                del waits[side]
            except ssl.SSLWantReadError:
                continue
        if not waits:
            return here
    pytest.fail("client and server did not come to an end")


def test_a_session_with_both_certificates(keys: Path, tmp_path: Path) -> None:
    now = int(datetime.now(UTC).timestamp()) * 1_000_000_000
    home = tmp_path / "keys"
    authority = make_authority(home, ODS, "Example Trust", now)
    authority.issue_server(home, ["192.0.2.7"], now)
    key = p256()
    own = tmp_path / "device.pem"
    own.write_bytes(pem_of(key) + issued(authority, key, now).chain.encode())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(home / "server.crt", home / "server.key")
    server.load_verify_locations(home / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=home / "ca.crt")
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(own)
    session = shaken(server, client, "192.0.2.7")
    shown = session.getpeercert(binary_form=True)
    assert shown is not None
    found = authority.identify(shown, now)
    assert isinstance(found, Identity)
    assert found.device == DEVICE
    stranger = ssl.create_default_context(cafile=keys / "ca.crt")
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken(server, stranger, "localhost")


def test_nothing_outlives_the_authority(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "keys", ODS, "Example Trust", NOW)
    late = NOW + 3_640 * DAY_NS
    found = authority.issue(request(p256()), DEVICE, late)
    assert isinstance(found, Issued)
    assert found.certificate.expires == NOW + 3_650 * DAY_NS
    with pytest.raises(TheirFault, match="has expired"):
        authority.issue(request(p256()), DEVICE, NOW + 3_651 * DAY_NS)
