"""Who may come in: tokens that people show to the API, and tokens that devices enrol with; only hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from carecordon.model.device import DeviceKind, EnrolToken
from carecordon.model.errors import TheirFault
from carecordon.model.person import Bearer, Person, Token
from carecordon.register.register import People

PREFIX = "carecordon"
SECRET_BYTES = 32
ID_BYTES = 8
DAY_NS = 86_400 * 1_000_000_000
PERSON_DAYS = 90
ENROL_HOURS = 24
_PERSON = re.compile(rf"{PREFIX}_([0-9a-f]{{16}})_([0-9a-f]{{64}})", re.ASCII)
_ENROL = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})", re.ASCII)
_NOBODY = "0" * 64

Draw = Callable[[int], bytes]


class AccessRefusal(StrEnum):
    """Why a token lets nobody in. Who shows it is told no more than `refused`; the reason is for the log."""

    MALFORMED = "this is no token of Carecordon"
    UNKNOWN = "no such token"
    EXPIRED = "the token has expired"
    REVOKED = "the token has been revoked"
    GONE = "the person is no longer one of the hub's"


@dataclass(frozen=True, slots=True)
class Pinned:
    """An enrolment token as a device reads it: the hub's CA by its hash (SHA-256 of the DER, hex), and the secret."""

    authority: str
    secret: str


def hash_of(secret: str) -> str:
    """Return what the register keeps of a secret: its SHA-256. A secret of 256 random bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_token(
    person: str, label: str, now: int, expires: int | None = None, draw: Draw = secrets.token_bytes
) -> tuple[Token, str]:
    """Return a new token of a person and the text to show once; it expires at `expires` (UTC ns), else in 90 days."""
    identifier, secret = draw(ID_BYTES).hex(), draw(SECRET_BYTES).hex()
    token = Token(identifier, person, label, hash_of(secret), now, expires or now + PERSON_DAYS * DAY_NS)
    return token, f"{PREFIX}_{identifier}_{secret}"


def bearer_of(shown: str, people: People, now: int) -> Bearer | AccessRefusal:
    """Return who shows this token. The secret is compared in constant time, for unknown tokens too."""
    parts = _PERSON.fullmatch(shown)
    if parts is None:
        return AccessRefusal.MALFORMED
    found = people.token(parts[1])
    is_right = hmac.compare_digest(hash_of(parts[2]), found[0].secret_hash if found else _NOBODY)
    if found is None or not is_right:
        return AccessRefusal.UNKNOWN
    return _standing(*found, now)


def make_enrol_token(  # each is a fact that the administrator states
    authority: str,
    label: str,
    made_by: str,
    now: int,
    *,
    uses: int = 1,
    kind: DeviceKind = DeviceKind.AGENT,
    expires: int | None = None,
    draw: Draw = secrets.token_bytes,
) -> tuple[EnrolToken, str]:
    """Return a new enrolment token and the text to show once, `<SHA-256 of the CA>.<secret>`.

    It is good for `uses` devices, until `expires` (UTC ns), else for 24 hours.
    """
    secret = draw(SECRET_BYTES).hex()
    ends = expires or now + ENROL_HOURS * 3_600 * 1_000_000_000
    token = EnrolToken(draw(ID_BYTES).hex(), label, hash_of(secret), kind, uses, now, made_by, ends)
    return token, f"{authority}.{secret}"


def read_enrol_token(text: str) -> Pinned:
    """Return the parts of an enrolment token, as it was pasted. Raises TheirFault (it shows no secret) for others."""
    cleaned = "".join(text.split())
    parts = _ENROL.fullmatch(cleaned)
    if parts is not None:
        return Pinned(parts[1], parts[2])
    where = "the enrolment token"
    if cleaned.startswith(f"{PREFIX}_"):
        raise TheirFault(f"{where} is a person's token: ask for one made with `carecordon hub enrol-token`")
    if "." not in cleaned:
        raise TheirFault(f"{where} has no dot in it: it reads `<64 hexadecimal digits>.<64 hexadecimal digits>`")
    before, _, after = cleaned.partition(".")
    raise TheirFault(
        f"{where} has {len(before)} and {len(after)} characters before and behind its dot, or some that are no "
        "hexadecimal digits in lower case: it has 64 and 64; copy it whole"
    )


def _standing(token: Token, person: Person, now: int) -> Bearer | AccessRefusal:
    if person.gone is not None:
        return AccessRefusal.GONE
    if token.revoked is not None:
        return AccessRefusal.REVOKED
    if token.expires <= now:
        return AccessRefusal.EXPIRED
    return Bearer(person.name, person.role, token.id)
