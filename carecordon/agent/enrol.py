"""Enrolling: a device makes a key, makes sure that it speaks to the hub that its token names, and gets its certificate.

The secret is said only to who holds the key of a certificate made by the CA whose hash stands in the token: a first
connection, that believes nobody and says nothing, takes that CA from the server's chain; a second believes only it.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from carecordon.agent.identity import (
    Hub,
    Identity,
    certificate_in,
    make_key,
    make_request,
    settle,
    sign,
    trusting,
)
from carecordon.model.errors import TheirFault

ENROL_PORT = 8444
TIMEOUT_S = 20.0
MAX_ANSWER = 65_536
MAX_CHAIN = 8
_PROOF = b"carecordon renewal 1\n"
"""What the old key signs begins with this: its signature is good for nothing else."""
_DER = 2
"""Source: `ENCODING_DER` of Python's `_ssl`."""
_TOKEN = re.compile(r"([0-9a-f]{64})\.([\x21-\x7e]{1,256})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pass:
    """An enrolment token: the SHA-256 of the hub's CA (DER, hex), and the secret."""

    authority: str
    secret: str


@dataclass(frozen=True, slots=True)
class NotEnrolled:
    """Why a device is not enrolled. `may_retry`: the hub could not be reached or was busy, and another time may do."""

    reason: str
    may_retry: bool


class _Request(msgspec.Struct, frozen=True):
    secret: str
    request: str
    host: str
    system: str


class _Renewal(msgspec.Struct, frozen=True):
    certificate: str
    request: str
    proof: str


class _Answer(msgspec.Struct, frozen=True):
    device: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    certificate: Annotated[str, msgspec.Meta(max_length=MAX_ANSWER)]
    authority: Annotated[str, msgspec.Meta(max_length=MAX_ANSWER)]
    devices_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    kind: Annotated[str, msgspec.Meta(max_length=64)] = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: str


def read_token(text: str) -> Pass:
    """Return what an enrolment token says. Raises TheirFault, without the secret, where it is none."""
    found = _TOKEN.fullmatch("".join(text.split()))
    if found is None:
        raise TheirFault(
            "this is no enrolment token: it reads `<64 hexadecimal digits>.<secret>`, "
            "as `carecordon hub enrol-token` prints it; copy it whole"
        )
    return Pass(found[1], found[2])


def mark_of(token: Pass) -> str:
    """Return what a token is known again by, that lets nobody in: the SHA-256 (hex) of its secret."""
    return hashlib.sha256(token.secret.encode()).hexdigest()


def enrol(  # each is a fact of this one device or of its hub
    folder: Path, host: str, port: int, token: Pass, *, name: str, system: str, timeout_s: float = TIMEOUT_S
) -> Identity | NotEnrolled:
    """Enrol with the hub at `host`:`port` and keep what it gave in `folder`; blocks. `name`: what the device is called.

    Raises TheirFault where the hub's answer cannot be used, OSError where `folder` cannot be written.
    """
    try:
        authority = _authority(host, port, token.authority, timeout_s)
        if authority is None:
            return _impostor(host, port)
        key = make_key()
        wanted = _Request(token.secret, make_request(key, name), name[:256], system[:256])
        answer = _post("/enrol", host, port, trusting(authority), msgspec.json.encode(wanted), timeout_s)
    except ssl.SSLCertVerificationError:
        return _impostor(host, port)
    except (OSError, http.client.HTTPException) as fault:
        return NotEnrolled(f"the hub at {host}:{port} cannot be reached: {_words(fault)}{_hint(fault)}", may_retry=True)
    if isinstance(answer, NotEnrolled):
        return answer
    if _fingerprint(answer.authority) != token.authority:
        raise TheirFault("the hub's answer names another CA than the token does: nothing was kept")
    hub = Hub(host, answer.devices_port, answer.device, authority, port, mark_of(token), answer.kind)
    return settle(folder, hub, key, answer.certificate)


def renew_expired(identity: Identity, name: str, timeout_s: float = TIMEOUT_S) -> NotEnrolled | None:
    """Get a new certificate in place of one that has expired, with proof of its key; blocks. None: it is done.

    The hub gives one for 180 days after the old one's end, unless the device was revoked. Raises TheirFault where its
    answer cannot be used, OSError where the certificate cannot be kept.
    """
    hub, old = identity.hub, identity.file.read_bytes()
    key = make_key()
    request = make_request(key, name)
    proof = base64.b64encode(sign(old, _PROOF + request.encode())).decode("ascii")
    wanted = _Renewal(certificate_in(old), request, proof)
    try:
        body = msgspec.json.encode(wanted)
        answer = _post("/renew", hub.host, hub.enrol_port, trusting(hub.authority), body, timeout_s)
    except (OSError, http.client.HTTPException) as fault:
        return NotEnrolled(f"the hub at {hub.host}:{hub.enrol_port} cannot be reached: {_words(fault)}", may_retry=True)
    if isinstance(answer, NotEnrolled):
        return answer
    identity.renew(key, answer.certificate)
    return None


def _hint(fault: Exception) -> str:
    """Return what may be wrong with an address where something else answers than a hub's door, or nothing."""
    if isinstance(fault, socket.gaierror):
        return ": compare the name"
    return f": is it up, and is this its port for enrolment ({ENROL_PORT}, unless its hub.toml names another)?"


def _impostor(host: str, port: int) -> NotEnrolled:
    return NotEnrolled(
        f"{host}:{port} is not the hub that the token is from (another certificate authority): the token's secret "
        "was not sent; compare the address and the token",
        may_retry=False,
    )


def _authority(host: str, port: int, wanted: str, timeout_s: float) -> str | None:
    """Return the CA (PEM) with this hash from the chain that the server shows; None where it shows no such one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is said on this link, and what it shows is held against the token
    with socket.create_connection((host, port), timeout_s) as plain, context.wrap_socket(plain) as link:
        chain = _chain(link)
    for shown in chain[:MAX_CHAIN]:
        if hashlib.sha256(shown).hexdigest() == wanted:
            return ssl.DER_cert_to_PEM_cert(shown)
    return None


def _chain(link: ssl.SSLSocket) -> list[bytes]:
    """Return the certificates that the server showed, DER; Python tells them openly only from 3.13 on."""
    shown = getattr(link, "get_unverified_chain", None)
    if shown is not None:
        return list(shown())
    inner = link._sslobj  # type: ignore[attr-defined]  # noqa: SLF001  # 3.11 and 3.12 have it only inside
    return [one.public_bytes(_DER) for one in inner.get_unverified_chain() or ()]


def _post(  # where to, what, and for how long
    path: str, host: str, port: int, context: ssl.SSLContext, body: bytes, timeout_s: float
) -> _Answer | NotEnrolled:
    """Return the hub's answer. Raises TheirFault where it is none."""
    link = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    try:
        link.request("POST", path, body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        content = answer.read(MAX_ANSWER + 1)
    finally:
        link.close()
    if answer.status == http.client.OK:
        try:
            return msgspec.json.decode(content, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise TheirFault(f"the hub's answer to enrolling cannot be read: {fault}") from fault
    may_retry = answer.status == http.client.TOO_MANY_REQUESTS or answer.status >= http.client.INTERNAL_SERVER_ERROR
    return NotEnrolled(f"the hub refused ({answer.status}): {_why(content)}", may_retry)


def _why(content: bytes) -> str:
    """Return what the hub says of a refusal."""
    try:
        return msgspec.json.decode(content, type=_Refusal).error[:500]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "it gives no reason"


def _fingerprint(certificate: str) -> str:
    """Return the SHA-256 of a certificate (PEM), hex; '' for what is none."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.strip() + "\n")).hexdigest()
    except ValueError:
        return ""


def _words(fault: Exception) -> str:
    """Return what went wrong, without the number."""
    text = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
    return text or type(fault).__name__
