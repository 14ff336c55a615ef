"""Who a certificate says its holder is, and when it is to be renewed. Times are UTC ns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from carecordon.model.device import Certificate, Device, Standing

DEVICE_DAYS = 30
GRACE_DAYS = 180
"""So long after it expired a certificate that was not revoked may still be renewed, with proof of its key."""
BACKDATED = timedelta(minutes=5)
"""So much earlier a certificate begins to be good: a device's clock may be a little behind."""
RENEW_AT, RENEW_JITTER = 0.5, 0.2
"""A device renews at half of its certificate's life, a fifth of that earlier or later."""
MAX_CERTIFICATE = 16_384
DAY_NS = 86_400 * 1_000_000_000
PROOF = b"carecordon renewal 1\n"
_URN = re.compile(r"urn:carecordon:([A-Z0-9]{1,16}):([0-9a-f]{32})", re.ASCII)

PublicKey = ec.EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate is of, and which one it is."""

    device: str
    certificate: Certificate


class IdentityRefusal(StrEnum):
    """Why a certificate is nobody's."""

    UNREADABLE = "it cannot be read"
    FOREIGN = "another authority made it"
    USE = "it is not made for a device to show"
    NAME = "it does not name exactly one device"
    ORGANISATION = "it is of another organisation"
    EARLY = "it is not good yet: the clocks differ"
    EXPIRED = "it has expired"


class RenewalRefusal(StrEnum):
    """Why a device gets no new certificate."""

    UNKNOWN = "no such device here: it must enrol again"
    REVOKED = "the device has been revoked"
    HELD = "the device is held until a person confirms it"
    TOO_LATE = "its certificate expired too long ago: it must enrol again"
    PROOF = "the old key did not sign the request"


def urn_of(ods: str, device_id: str) -> str:
    """Return the name of a device in its certificate."""
    return f"urn:carecordon:{ods}:{device_id}"


def certificate_of(data: bytes) -> x509.Certificate:
    """Return a certificate, of several the first, from PEM or DER. Raises ValueError for anything else."""
    if data.lstrip()[:11] == b"-----BEGIN ":
        return x509.load_pem_x509_certificate(data)
    return x509.load_der_x509_certificate(data)


def facts_of(certificate: x509.Certificate) -> Certificate:
    """Return what the register keeps of a certificate."""
    return Certificate(
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        serial=f"{certificate.serial_number:x}",
        issued=_ns(certificate.not_valid_before_utc + BACKDATED),
        expires=_ns(certificate.not_valid_after_utc),
    )


def identity_of(
    data: bytes, authority: x509.Certificate, ods: str, now: int, *, grace_days: float = 0
) -> Identity | IdentityRefusal:
    """Return whose certificate (DER or PEM) this is, so strictly that only what `Authority.issue` makes is anybody's.

    It was signed by `authority`, is in its time (or no more than `grace_days` past it), is for clients only, and its
    one alternative name is a device of `ods`. Whether it was revoked, the register knows.
    """
    if len(data) > MAX_CERTIFICATE:
        return IdentityRefusal.UNREADABLE
    try:
        certificate = certificate_of(data)
        certificate.verify_directly_issued_by(authority)
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (InvalidSignature, TypeError):
        return IdentityRefusal.FOREIGN
    except x509.ExtensionNotFound:
        return IdentityRefusal.USE
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        # `verify_directly_issued_by` says so of another issuer's name, too
        return IdentityRefusal.FOREIGN if _is_readable(data) else IdentityRefusal.UNREADABLE
    if limits.ca or list(usage) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        return IdentityRefusal.USE
    names = list(named)
    match = _URN.fullmatch(names[0].value) if _is_one_uri(names) else None
    if match is None:
        return IdentityRefusal.NAME
    if match[1] != ods:
        return IdentityRefusal.ORGANISATION
    facts = facts_of(certificate)
    if now < _ns(certificate.not_valid_before_utc):
        return IdentityRefusal.EARLY
    if now >= facts.expires + grace_days * DAY_NS:
        return IdentityRefusal.EXPIRED
    return Identity(match[2], facts)


def renew_at(certificate: Certificate, chance: float) -> int:
    """Return when a device asks for a new certificate; `chance` is drawn from [0, 1), so that not all ask at once."""
    share = RENEW_AT * (1 + RENEW_JITTER * (2 * chance - 1))
    return certificate.issued + int((certificate.expires - certificate.issued) * share)


def may_renew(device: Device | None, shown: Certificate, now: int) -> RenewalRefusal | None:
    """Return why the holder of this certificate of `device` gets no new one; None where it does.

    An expired one may be renewed for 180 days. A device in doubt goes on delivering, so it renews, and stays in doubt.
    """
    if device is None:
        return RenewalRefusal.UNKNOWN
    match device.standing:
        case Standing.REVOKED:
            return RenewalRefusal.REVOKED
        case Standing.HELD:
            return RenewalRefusal.HELD
        case Standing.ACTIVE | Standing.UNPROVEN:
            return RenewalRefusal.TOO_LATE if now >= shown.expires + GRACE_DAYS * DAY_NS else None


def proof_text(request: bytes) -> bytes:
    """Return what a device signs with its old key (ECDSA: with SHA-256) to renew an expired certificate."""
    return PROOF + request


def is_proof(certificate: bytes, request: bytes, signature: bytes) -> bool:
    """Return whether the key of a certificate (DER or PEM) signed this request."""
    try:
        key = certificate_of(certificate).public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, proof_text(request), ec.ECDSA(hashes.SHA256()))
            return True
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, proof_text(request))
            return True
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return False


def _is_one_uri(names: list[x509.GeneralName]) -> bool:
    return len(names) == 1 and isinstance(names[0], x509.UniformResourceIdentifier)


def _is_readable(data: bytes) -> bool:
    try:
        certificate_of(data)
    except ValueError:
        return False
    return True


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
