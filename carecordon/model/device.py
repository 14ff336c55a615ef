"""A device as its hub knows it: who it is, by which certificate, and whether it is still believed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

COPIED_RULE = "carecordon.device-key-in-two-places"
"""The id of the hub's own rule that a device's key is in two places: by it a story knows what the hub itself told."""
HUB_LOGS = "carecordon-hub/"
"""How the logs are called, in whatever case, that the hub itself writes: no device may send events of such a one."""


class DeviceKind(StrEnum):
    """What a device is to the hub."""

    AGENT = "agent"
    """Tells of itself: the name in its events is its own, whatever stands in them."""
    FORWARDER = "forwarder"
    """Passes on events of other machines: the names in them are believed."""


class Standing(StrEnum):
    """How far a device is believed."""

    ACTIVE = "active"
    UNPROVEN = "unproven"
    """Two may be using its key: it goes on delivering, no order would be sent to it; so until it is revoked."""
    HELD = "held"
    """Known from a backup that may lack later revocations: refused, with a retry time, until a person confirms it."""
    REVOKED = "revoked"
    """Refused for ever: it can only be enrolled anew, as another device."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device. `id` 32 hex digits drawn by the hub; `name` and `system` are what it called itself when it enrolled.

    `fingerprint` is that of its newest certificate (SHA-256 of the DER, hex), `serial` that certificate's number (hex).
    `why` it is not active, in words. `revision` grows whenever anything here but `last_seen` changes. Times UTC ns.
    """

    id: str
    name: str
    system: str
    kind: DeviceKind
    standing: Standing
    why: str
    enrolled: int
    enrolled_with: str
    """The label of the token that it enrolled with."""
    fingerprint: str
    serial: str
    expires: int
    last_seen: int | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the register keeps of a certificate; the certificate itself is the device's. Times UTC ns."""

    fingerprint: str
    serial: str
    issued: int
    expires: int


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that is about to be enrolled, with its first certificate."""

    id: str
    name: str
    system: str
    kind: DeviceKind
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class EnrolToken:
    """What lets devices enrol: only the SHA-256 of its secret is kept. `uses_left` devices may still come.

    Devices that come with it are of `kind`. Times UTC ns; `revoked` None while it is good.
    """

    id: str
    label: str
    secret_hash: str
    kind: DeviceKind
    uses_left: int
    made: int
    made_by: str
    expires: int
    revoked: int | None = None


class EnrolRefusal(StrEnum):
    """Why a token lets nobody in; the text is for the log, and for who knows its secret."""

    UNKNOWN = "no such enrolment token: compare it, or make a new one with `carecordon hub enrol-token`"
    EXPIRED = "the enrolment token has expired: make a new one with `carecordon hub enrol-token`"
    USED_UP = (
        "the enrolment token has been used as often as it may be: make a new one with `carecordon hub enrol-token`"
    )
    REVOKED = "the enrolment token has been revoked: make a new one with `carecordon hub enrol-token`"
