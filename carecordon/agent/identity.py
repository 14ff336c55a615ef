"""Who a device is to its hub: the key that it made itself, its certificate, and the hub that it believes.

Files in the state folder (0700): `device.pem` (key, certificate, CA; 0600, replaced whole), `hub.json` (0600).
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from carecordon.agent.segment import sync_folder
from carecordon.model.errors import TheirFault

DEVICE, HUB = "device.pem", "hub.json"
RENEW_AT, RENEW_JITTER = 0.5, 0.2
"""A certificate is renewed at half of its life, a fifth of that earlier or later."""
_NO_CHECK_TIME = 0x200000
"""Source: `X509_V_FLAG_NO_CHECK_TIME` in OpenSSL's x509_vfy.h."""


class Hub(msgspec.Struct, frozen=True):
    """The hub that a device enrolled with; `port` is where devices connect, `device` the id that the hub gave it."""

    host: str
    port: int
    device: str
    authority: str
    """The hub's CA, PEM: only who is certified by it is the hub."""
    enrol_port: int = 8444
    token: str = ""
    """The SHA-256 (hex) of the secret that it enrolled with; '' where that was not kept."""
    kind: str = ""
    """`forwarder`: the names in its events are believed; `agent`: they are not; '' where the hub did not say."""

    def at(self, host: str) -> Hub:
        """Return the same hub under another address."""
        return msgspec.structs.replace(self, host=host)


@dataclass(frozen=True, slots=True)
class Identity:
    """A device that is enrolled; its state lies in `folder`."""

    folder: Path
    hub: Hub

    @property
    def file(self) -> Path:
        """Return the file of key and certificate."""
        return self.folder / DEVICE

    def context(self) -> Returning:
        """Return what a connection is made with: TLS 1.3, our certificate, and only the hub's own CA.

        Addresses are not compared: the CA certifies no server but the hub's. Raises TheirFault where the files are bad.
        """
        context = Returning(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, self.hub.authority)
        try:
            context.load_cert_chain(self.file)
        except (OSError, ssl.SSLError) as fault:
            raise TheirFault(f"{self.file}: {fault}: enrol again, in a new state folder") from fault
        return context

    def life(self) -> tuple[int, int]:
        """Return from when to when the certificate is good, UTC ns. Raises TheirFault where it cannot be read."""
        try:
            certificate = x509.load_pem_x509_certificate(self.file.read_bytes())
        except (OSError, ValueError) as fault:
            raise TheirFault(f"{self.file}: {fault}: enrol again, in a new state folder") from fault
        return _ns(certificate.not_valid_before_utc), _ns(certificate.not_valid_after_utc)

    def renew(self, key: bytes, certificate: str) -> None:
        """Take a new certificate with its key (PEM), if it is made for that key. Raises TheirFault if it is not."""
        _check(key, certificate, self.hub.authority)
        write_private(self.file, key + certificate.encode())


class Returning(ssl.SSLContext):
    """One device's context: it resumes the TLS session that the device began last, which costs half of a new one.

    It must never show another device's certificate: whoever resumes a session is taken for who began it.
    """

    _last: ssl.SSLSession | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  # as Python's own
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return a connection's TLS, as Python's own does: both kinds of event loop make theirs by it."""
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or self._last)

    def remember(self, secure: ssl.SSLObject) -> None:
        """Keep the session of a connection: to be called once something came on it, as the hub's ticket does first.

        One that was resumed is not kept anew: Python copies it for that, which costs as much as was spared.
        """
        if not secure.session_reused:
            self._last = secure.session


def trusting(authority: str) -> ssl.SSLContext:
    """Return a client's context, TLS 1.3 only, that believes this CA (PEM) and no other. Raises TheirFault for no CA.

    The times in the hub's certificate are not looked at: a device whose clock is wrong must be protected too, and who
    has the hub's key is the hub. The hub itself looks at those in ours.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _trust(context, authority)
    return context


def _trust(context: ssl.SSLContext, authority: str) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    try:
        context.load_verify_locations(cadata=authority)
    except (ssl.SSLError, ValueError) as fault:
        raise TheirFault(f"the hub's CA cannot be read: {fault}") from fault


def make_key() -> bytes:
    """Return a new key, ECDSA on P-256, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain)


def make_request(key: bytes, host: str) -> str:
    """Return a signing request (PEM) for a key (PEM); what names the device is for the hub to choose."""
    loaded = _key_of(key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64] or "device")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(loaded, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def sign(pem: bytes, text: bytes) -> bytes:
    """Return a signature (ECDSA with SHA-256) by the key in a PEM file."""
    return _key_of(pem).sign(text, ec.ECDSA(hashes.SHA256()))


def certificate_in(pem: bytes) -> str:
    """Return the first certificate in a PEM file. Raises TheirFault where there is none."""
    try:
        found = x509.load_pem_x509_certificate(pem)
    except ValueError as fault:
        raise TheirFault(f"the device's certificate cannot be read: {fault}: enrol again") from fault
    return found.public_bytes(serialization.Encoding.PEM).decode("ascii")


def settle(folder: Path, hub: Hub, key: bytes, certificate: str) -> Identity:
    """Keep what enrolling gave. Raises TheirFault where the certificate is not for this key, OSError for the disk."""
    _check(key, certificate, hub.authority)
    write_private(folder / DEVICE, key + certificate.encode())
    write_private(folder / HUB, msgspec.json.encode(hub))
    return Identity(folder, hub)


def open_identity(folder: Path) -> Identity | None:
    """Return who we are; None where we never enrolled. Raises TheirFault where the files cannot be used."""
    try:
        hub = msgspec.json.decode((folder / HUB).read_bytes(), type=Hub)
    except FileNotFoundError:
        return None
    except NotADirectoryError as fault:
        raise TheirFault(f"{folder}: it is a file: name a folder") from fault
    except OSError as fault:
        raise TheirFault(f"{folder / HUB}: {fault.strerror or fault}: its user must be able to read it") from fault
    except msgspec.DecodeError as fault:
        raise TheirFault(f"{folder / HUB}: {fault}: enrol again, in a new state folder") from fault
    return Identity(folder, hub)


def renew_at(life: tuple[int, int], chance: float) -> int:
    """Return when to ask for a new certificate, UTC ns; `chance` of [0, 1) spreads devices out."""
    share = RENEW_AT * (1 + RENEW_JITTER * (2 * chance - 1))
    return life[0] + int((life[1] - life[0]) * share)


def write_private(path: Path, content: bytes) -> None:
    """Write a file of 0600 whole or not at all; the folder is made with 0700."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def _check(key: bytes, certificate: str, authority: str) -> None:
    """Raise TheirFault unless this certificate is of this key and was made by this CA."""
    try:
        made = x509.load_pem_x509_certificate(certificate.encode())
        made.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as fault:
        raise TheirFault(f"the hub sent a certificate that is not its own: {fault}") from fault
    if made.public_key() != _key_of(key).public_key():
        raise TheirFault("the hub sent a certificate for another key than ours")


def _key_of(key: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        loaded = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise TheirFault(f"the device's key cannot be read: {fault}") from fault
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TheirFault("the device's key is none on an elliptic curve")
    return loaded


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
