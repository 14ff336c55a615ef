"""Enrolment tokens: made for so many devices and so long, listed without their secrets, revoked."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Annotated

import msgspec
from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub
from carecordon.hub.config import Listen
from carecordon.hub.trust.access import make_enrol_token
from carecordon.hub.trust.authority import open_authority
from carecordon.hub.trust.revocations import revoke_enrol_token
from carecordon.model.device import DeviceKind, EnrolToken
from carecordon.model.errors import TheirFault
from carecordon.model.person import Role
from carecordon.model.times import rfc3339

COLUMNS = ("id", "label", "kind", "uses_left", "made", "made_by", "expires", "revoked")
HOUR_NS = 3_600 * 1_000_000_000
LISTED = 1_000


class Wanted(BaseModel):
    """What a new token is for."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field("", max_length=100, description="What people call it.")
    uses: int = Field(1, ge=1, le=100_000, description="So many devices may come with it.")
    hours: float = Field(24, gt=0, le=24 * 30, description="It is good for so long.")
    kind: DeviceKind = Field(DeviceKind.AGENT, description="What comes with it.")


def row_of(token: EnrolToken) -> Row:
    """Return a token in a list; its secret is not known any more."""
    return {
        "id": token.id,
        "label": token.label,
        "kind": token.kind.value,
        "uses_left": token.uses_left,
        "made": rfc3339(token.made),
        "made_by": token.made_by,
        "expires": rfc3339(token.expires),
        "revoked": rfc3339(token.revoked),
    }


def list_tokens(request: Request, hub: Hub) -> Response:
    """List enrolment tokens, the newest first."""
    found = hub.register.devices.enrol_tokens()
    cut = f"only the newest {LISTED:,} are shown" if len(found) > LISTED else ""
    return respond(request, Answer(COLUMNS, [row_of(token) for token in found[:LISTED]], cut))


def make_token(hub: Hub, caller: Caller, wanted: Annotated[Wanted, Body()]) -> Response:
    """Make a token; the answer holds the text that a device enrols with, which is shown this once."""
    try:
        authority = open_authority(hub.paths.keys, hub.settings.ods)
    except TheirFault as fault:
        raise HTTPException(503, str(fault)) from fault
    now = hub.clock()
    expires = now + int(wanted.hours * HOUR_NS)
    label = wanted.label or f"by {caller.name}"
    token, shown = make_enrol_token(
        authority.fingerprint, label, caller.name, now, uses=wanted.uses, kind=wanted.kind, expires=expires
    )
    hub.register.devices.add_enrol_token(token)
    told = row_of(token) | {"token": shown, "hub": door_of(hub.settings.listen)}
    return Response(encoded(told), media_type="application/json")


def door_of(listen: Listen) -> str:
    """Return where this hub enrols, `HOST:PORT` as `carecordon send --hub` takes it. May ask the name servers."""
    try:
        address = ip_address(listen.host)
    except ValueError:  # a name
        return f"{listen.host}:{listen.enrol}"
    if address.is_unspecified:
        whole = socket.getfqdn()  # where /etc/hosts has the name beside 127.0.0.1, that is no name for others
        return f"{socket.gethostname() if _is_local(whole) else whole}:{listen.enrol}"
    return f"[{address}]:{listen.enrol}" if address.version == 6 else f"{address}:{listen.enrol}"


def _is_local(name: str) -> bool:
    return name.partition(".")[0].casefold() == "localhost"


def revoke_token(hub: Hub, caller: Caller, token: str) -> Response:
    """Let nobody in by a token any more."""
    if not any(one.id == token for one in hub.register.devices.enrol_tokens()):
        raise HTTPException(404, "no such enrolment token")
    is_new = revoke_enrol_token(hub.register, hub.paths.keys, token, caller.name, hub.clock())
    return Response(msgspec.json.encode({"id": token, "is_new": is_new}), media_type="application/json")


ENROL_TOKENS = Endpoints(
    "enrol tokens",
    (
        Endpoint("GET", "/enrol-tokens", list_tokens, Role.ADMIN, "read"),
        Endpoint("POST", "/enrol-tokens", make_token, Role.ADMIN, "enrol-token", form="object"),
        Endpoint("POST", "/enrol-tokens/{token}/revoke", revoke_token, Role.ADMIN, "revoke", form="object"),
    ),
)
