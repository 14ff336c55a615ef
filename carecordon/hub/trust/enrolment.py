"""How a device becomes one of ours: a secret and a signing request in, a certificate out; and expired ones renewed.

`POST /enrol` {secret, request, host, system} and `POST /renew` {certificate, request, proof}, JSON, answered with
{device, certificate, authority, devices_port}. Who shows an old certificate is told no more than that it is refused;
the log says why. Everything here blocks (SQLite, signing) and runs in a thread.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives import serialization

from carecordon.hub.trust.access import hash_of
from carecordon.hub.trust.authority import MAX_REQUEST, Authority, Issued, RequestRefused
from carecordon.hub.trust.identity import GRACE_DAYS, MAX_CERTIFICATE, IdentityRefusal, identity_of, is_proof, may_renew
from carecordon.model.device import DeviceKind, EnrolRefusal, NewDevice
from carecordon.register.register import Devices

ID_BYTES = 16
OK, BAD_REQUEST, UNAUTHORISED, NOT_FOUND = 200, 400, 401, 404

_Pem = Annotated[str, msgspec.Meta(max_length=MAX_REQUEST)]


class Enrol(msgspec.Struct, frozen=True):
    """What a device sends to enrol. `host` and `system` are what it calls itself."""

    secret: Annotated[str, msgspec.Meta(max_length=256)]
    request: _Pem
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    system: Annotated[str, msgspec.Meta(max_length=256)]


class Renew(msgspec.Struct, frozen=True):
    """What a device sends whose certificate expired. `proof`: base64, its old key's signature (identity.py)."""

    certificate: Annotated[str, msgspec.Meta(max_length=MAX_CERTIFICATE)]
    request: _Pem
    proof: Annotated[str, msgspec.Meta(max_length=1_024)]


class Welcome(msgspec.Struct, frozen=True):
    """What it gets: its id, certificate with the CA behind it (PEM), the CA (PEM), where devices connect, its kind."""

    device: str
    certificate: str
    authority: str
    devices_port: int
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and what the log says of it; `event` names the record."""

    status: int
    body: bytes
    event: str
    device: str | None = None
    why: str = ""


class Enrolment:
    """The desk where devices enrol."""

    def __init__(
        self,
        authority: Authority,
        devices: Devices,
        devices_port: int,
        clock: Callable[[], int],
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`clock` gives UTC ns, `draw` random bytes."""
        self._authority = authority
        self._devices = devices
        self._port = devices_port
        self._clock = clock
        self._draw = draw
        self._pem = authority.certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    def answer(self, path: str, body: bytes) -> Answer:
        """Return the answer to what was posted to a path."""
        try:
            if path == "/enrol":
                return self._enrol(msgspec.json.decode(body, type=Enrol))
            if path == "/renew":
                return self._renew(msgspec.json.decode(body, type=Renew))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            return refused(BAD_REQUEST, "the body is not what this path takes", "enrol_unreadable", str(fault))
        return refused(NOT_FOUND, "nothing is here", "enrol_no_path")

    def _enrol(self, asked: Enrol) -> Answer:
        """Make the certificate first: a bad request must not use up a token."""
        now, device_id = self._clock(), self._draw(ID_BYTES).hex()
        issued = self._authority.issue(asked.request, device_id, now)
        if isinstance(issued, RequestRefused):
            return refused(BAD_REQUEST, f"the signing request: {issued.reason}", "enrol_bad_request")
        device = NewDevice(device_id, asked.host, asked.system, DeviceKind.AGENT, issued.certificate)
        token = self._devices.enrol(hash_of(asked.secret), device, now)
        if isinstance(token, EnrolRefusal):
            return refused(UNAUTHORISED, token.value, "enrol_refused")  # told to who knows the secret, or nothing
        return self._welcome(device_id, issued, token.kind, "enrolled")

    def _renew(self, asked: Renew) -> Answer:
        now, shown = self._clock(), asked.certificate.encode()
        found = identity_of(shown, self._authority.certificate, self._authority.ods, now, grace_days=GRACE_DAYS)
        if isinstance(found, IdentityRefusal):
            return refused(UNAUTHORISED, "refused", "renewal_refused", found.value)
        device = self._devices.by_certificate(found.certificate.fingerprint)
        if device is None and is_proof(shown, asked.request.encode(), _unpacked(asked.proof)):
            device = self._devices.adopt(found.device, found.certificate)  # issued after the backup of a restore
        if device is None or device.id != found.device:
            return refused(UNAUTHORISED, "refused", "renewal_refused", "the hub does not keep this certificate")
        refusal = may_renew(device, found.certificate, now)
        if refusal is None and not is_proof(shown, asked.request.encode(), _unpacked(asked.proof)):
            return refused(UNAUTHORISED, "refused", "renewal_refused", "the old key did not sign the request")
        if refusal is not None:
            return refused(UNAUTHORISED, "refused", "renewal_refused", refusal.value)
        issued = self._authority.issue(asked.request, device.id, now)
        if isinstance(issued, RequestRefused):
            return refused(BAD_REQUEST, f"the signing request: {issued.reason}", "renewal_bad_request")
        self._devices.add_certificate(device.id, issued.certificate)
        return self._welcome(device.id, issued, device.kind, "renewed")

    def _welcome(self, device_id: str, issued: Issued, kind: DeviceKind, event: str) -> Answer:
        welcome = Welcome(device_id, issued.chain, self._pem, self._port, kind.value)
        return Answer(OK, msgspec.json.encode(welcome), event, device_id)


def refused(status: int, text: str, event: str, why: str = "") -> Answer:
    """Return a refusal: `text` is for who asked, `why` for the log."""
    return Answer(status, msgspec.json.encode({"error": text}), event, None, why or text)


def _unpacked(proof: str) -> bytes:
    try:
        return base64.b64decode(proof, validate=True)
    except (ValueError, binascii.Error):
        return b""
