"""The hub's own certificate authority: its key and certificate, the server's, and one for each device.

Files in the keys folder (0700): `ca.key`, `ca.crt`, `server.key`, `server.crt` (0600, PEM). Times are UTC ns.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from carecordon.hub.trust.identity import (
    BACKDATED,
    DEVICE_DAYS,
    Identity,
    IdentityRefusal,
    PublicKey,
    certificate_of,
    facts_of,
    identity_of,
    urn_of,
)
from carecordon.hub.trust.keyfile import make_folder, write_secret
from carecordon.hub.trust.revocations import JOURNAL
from carecordon.model.device import Certificate
from carecordon.model.errors import TheirFault

CA_KEY, CA_CERTIFICATE = "ca.key", "ca.crt"
SERVER_KEY, SERVER_CERTIFICATE = "server.key", "server.crt"
CA_DAYS = 3_650
SERVER_DAYS = 397
"""Source: CA/Browser Forum Baseline Requirements 6.3.2 (the longest that browsers take)."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
MAX_REQUEST = 16_384


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate as the device gets it (PEM, the CA behind it), and as the register keeps it."""

    chain: str
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """Why no certificate is issued for a request, and what would be taken."""

    reason: str


class Authority:
    """A CA that is open: it issues certificates. Its key never leaves this object."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, ods: str) -> None:
        """`ods` is the organisation's code, as it stands in every certificate of its devices."""
        self._key = key
        self.certificate = certificate
        self.ods = ods
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex()

    def issue(
        self, request: str | bytes, device_id: str, now: int, *, days: float = DEVICE_DAYS
    ) -> Issued | RequestRefused:
        """Return a client certificate for the public key of a signing request (PEM); nothing else of it is believed.

        The request is signed by that key, or it is refused. The name in the certificate is `device_id`.
        """
        key = _requested_key(request)
        if isinstance(key, RequestRefused):
            return key
        names = [x509.UniformResourceIdentifier(urn_of(self.ods, device_id))]
        usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = self._sign(key, _subject(self.ods, device_id), names, usage, now, timedelta(days=days))
        return Issued(_pem(certificate) + _pem(self.certificate), facts_of(certificate))

    def issue_server(self, keys: Path, names: Sequence[str], now: int) -> x509.Certificate:
        """Write a new key and certificate of the hub's listeners, good for these names and addresses and local ones."""
        key = ec.generate_private_key(ec.SECP256R1())
        wanted = [_general_name(name) for name in dict.fromkeys((*LOCAL_NAMES, *names))]
        subject = _subject(self.ods, "hub")
        usage = [ExtendedKeyUsageOID.SERVER_AUTH]
        certificate = self._sign(key.public_key(), subject, wanted, usage, now, timedelta(days=SERVER_DAYS))
        # The key and its certificate go in one file each; until both are new, `server_is_due` sees that they differ.
        write_secret(keys / SERVER_KEY, _key_pem(key))
        write_secret(keys / SERVER_CERTIFICATE, (_pem(certificate) + _pem(self.certificate)).encode())
        return certificate

    def identify(self, certificate: bytes, now: int) -> Identity | IdentityRefusal:
        """Return whose certificate (DER or PEM) this is; only this CA's own, in their time, are anybody's."""
        return identity_of(certificate, self.certificate, self.ods, now)

    def _sign(
        self,
        key: PublicKey,
        subject: x509.Name,
        names: Sequence[x509.GeneralName],
        usage: Sequence[x509.ObjectIdentifier],
        now: int,
        life: timedelta,
    ) -> x509.Certificate:
        start = _moment(now)
        end = min(start + life, self.certificate.not_valid_after_utc)
        if end <= start:
            raise TheirFault("the hub's CA has expired: make a new one and let the devices enrol again")
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            _builder(subject, self.certificate.subject, key, start, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
            .add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def make_authority(keys: Path, ods: str, name: str, now: int) -> Authority:
    """Make a CA for an organisation in a folder of keys, which is made too. Raises TheirFault where one is there."""
    make_folder(keys)
    if (keys / CA_KEY).exists() or (keys / CA_CERTIFICATE).exists():
        raise TheirFault(
            f"{keys}: there is a certificate authority here already; give another folder, or keep this hub"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:64]),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ods),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Carecordon {ods}"),
    ])  # fmt: skip
    start = _moment(now)
    certificate = (
        _builder(subject, subject, key.public_key(), start, start + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # The certificate last: a folder with a key alone is one where making it was cut off.
    write_secret(keys / CA_KEY, _key_pem(key))
    write_secret(keys / JOURNAL, b"")
    write_secret(keys / CA_CERTIFICATE, _pem(certificate).encode())
    return Authority(key, certificate, ods)


def open_authority(keys: Path, ods: str) -> Authority:
    """Return the CA of a folder of keys. Raises TheirFault where there is none, or it is another organisation's."""
    key, certificate = _read_pair(keys / CA_KEY, keys / CA_CERTIFICATE)
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    if [unit.value for unit in units] != [ods]:
        raise TheirFault(f"{keys}: this certificate authority is not that of {ods}: give the right folder of keys")
    return Authority(key, certificate, ods)


def server_is_due(authority: Authority, keys: Path, names: Sequence[str], now: int) -> str:
    """Return why the server's certificate is to be made anew at this start of the hub, '' where it is good.

    Devices pin the CA, never this certificate, so a new one disturbs nobody.
    """
    try:
        _, certificate = _read_pair(keys / SERVER_KEY, keys / SERVER_CERTIFICATE)
        certificate.verify_directly_issued_by(authority.certificate)
        has = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (TheirFault, InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound) as fault:
        return f"there is none that can be used ({fault})"
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if _moment(now) >= certificate.not_valid_before_utc + life / 2:
        return "more than half of its life is over"
    if _moment(now) < certificate.not_valid_before_utc:
        return "it is not good yet: the clock was changed"
    missing = [name for name in (*LOCAL_NAMES, *names) if _general_name(name) not in has]
    return f"it does not name {', '.join(missing)}" if missing else ""


def _requested_key(request: str | bytes) -> PublicKey | RequestRefused:
    data = request.encode("utf-8", "replace") if isinstance(request, str) else request
    if len(data) > MAX_REQUEST:
        return RequestRefused(f"the request has {len(data)} bytes, at most {MAX_REQUEST} are read")
    try:
        read = x509.load_pem_x509_csr(data)
        key = read.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | Ed25519PublicKey):
            return RequestRefused("its key is of a kind that is not taken: make one on P-256, P-384 or Ed25519")
        if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            return RequestRefused(f"its key is on {key.curve.name}: make one on P-256, P-384 or Ed25519")
        if not read.is_signature_valid:
            return RequestRefused("it is not signed by its own key")
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as fault:
        return RequestRefused(f"it cannot be read as a PEM certificate signing request: {str(fault)[:200]}")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATED)
        .not_valid_after(end)
    )


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(ods: str, name: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ods),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ])  # fmt: skip


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as fault:
        raise TheirFault(f"`{name}` is no host name or address: give one as devices reach the hub by it") from fault


def _moment(now: int) -> datetime:
    return datetime.fromtimestamp(now // 1_000_000_000, UTC)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_pair(key_path: Path, certificate_path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return a key and its certificate. Raises TheirFault where either is missing or they do not belong together."""
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        certificate = certificate_of(certificate_path.read_bytes())
    except FileNotFoundError as fault:
        raise TheirFault(
            f"{fault.filename}: it is not there: are these this hub's keys (--keys)? A backup holds them"
        ) from fault
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise TheirFault(f"{key_path.parent}: its key or certificate cannot be read: {fault}") from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TheirFault(f"{key_path}: this is no key on an elliptic curve: it is not one that Carecordon made")
    if key.public_key() != certificate.public_key():
        raise TheirFault(f"{key_path}: this is not the key of {certificate_path.name}: take both from one backup")
    return key, certificate
