"""Devices: which there are, how they are, what was seen of each; and revoking one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.api.ask import ceiling
from carecordon.console.api.incidents import row_of as incident_row
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub, Premises
from carecordon.hub.trust.revocations import revoke_device
from carecordon.model.device import Device, Standing
from carecordon.model.kept import IncidentQuery
from carecordon.model.person import Role
from carecordon.model.times import rfc3339
from carecordon.telemetry.answer import Denied

COLUMNS = (
    "id", "name", "system", "kind", "standing", "why", "health", "last_seen", "silent_s", "enrolled", "enrolled_with",
    "expires",
)  # fmt: skip
MOST = 1_000
NS = 1_000_000_000
HEX = frozenset("0123456789abcdef")
ID_DIGITS = 32
_COVERAGE = """
SELECT channel, device, count() AS events, max(received) AS last_received, max(time) AS last_time
FROM events WHERE sender = '{id}' GROUP BY channel, device ORDER BY events DESC LIMIT 200
"""


class Reason(BaseModel):
    """Why a device is revoked."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=3, max_length=500, description="For the audit log and for who asks later.")


class Held(BaseModel):
    """Which devices are let in again."""

    model_config = ConfigDict(extra="forbid")

    devices: list[Annotated[str, Field(max_length=64)]] | None = Field(
        max_length=10_000, description="Their ids; null: all that are held."
    )


def row_of(hub: Premises, device: Device) -> Row:
    """Return a device in a list. `health`: `ok`, `silent`, `never seen`, or its standing where that is not active."""
    silent = None if device.last_seen is None else max(0.0, (hub.clock() - device.last_seen) / NS)
    if device.standing is not Standing.ACTIVE:
        health = device.standing.value
    elif silent is None:
        health = "never seen"
    else:
        health = "silent" if silent > hub.settings.limits.silent_after_s else "ok"
    return {
        "id": device.id,
        "name": device.name,
        "system": device.system,
        "kind": device.kind.value,
        "standing": device.standing.value,
        "why": device.why,
        "health": health,
        "last_seen": rfc3339(device.last_seen),
        "silent_s": None if silent is None else round(silent, 1),
        "enrolled": rfc3339(device.enrolled),
        "enrolled_with": device.enrolled_with,
        "expires": rfc3339(device.expires),
    }


def list_devices(
    request: Request,
    hub: Hub,
    after: Annotated[str, Query(max_length=64, description="Those whose ids come behind this one.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List devices by id."""
    found = hub.register.devices.all(after, limit + 1)
    rows = [row_of(hub, device) for device in found[:limit]]
    if len(found) <= limit:
        return respond(request, Answer(COLUMNS, rows))
    return respond(request, Answer(COLUMNS, rows, f"only {limit} were asked for", ("after", found[limit - 1].id)))


def show_device(hub: Hub, device: str) -> Response:
    """Show one device: its health, its coverage (last seen per channel), and the latest incidents it is part of."""
    found = _find(hub, device)
    incidents = hub.register.cases.incidents(IncidentQuery(device=found.name, limit=20))
    told = row_of(hub, found) | {
        "coverage": _coverage(hub, found),
        "incidents": [incident_row(row) for row in incidents],
        "fingerprint": found.fingerprint,
        "serial": found.serial,
    }
    return Response(encoded(told), media_type="application/json")


def revoke(hub: Hub, caller: Caller, device: str, reason: Annotated[Reason, Body()]) -> Response:
    """Revoke a device for ever: its live session is cut within a minute, and it can only be enrolled anew."""
    found = _find(hub, device)
    is_new = revoke_device(hub.register, hub.paths.keys, found.id, reason.why, caller.name, hub.clock())
    return Response(encoded({"id": found.id, "is_new": is_new}), media_type="application/json")


def confirm(hub: Hub, caller: Caller, which: Annotated[Held, Body()]) -> Response:
    """Let devices in again that are held since a restore: those that are named, or all of them."""
    confirmed = hub.register.devices.confirm(which.devices, caller.name, hub.clock())
    return Response(encoded({"confirmed": confirmed}), media_type="application/json")


def _coverage(hub: Premises, device: Device) -> list[Row] | None:
    """Return what was received of each channel of a device; None where the store does not answer.

    `device.id` is drawn by the hub, 32 hexadecimal digits, so nothing else can stand in the question.
    """
    if len(device.id) != ID_DIGITS or not HEX.issuperset(device.id):
        return []
    asked = _COVERAGE.replace("{id}", device.id)
    try:
        with hub.questions.reader() as reader:
            answer = reader.ask(asked, ceiling(hub))
    except ConnectionError:
        return None
    if isinstance(answer, Denied):
        return None
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _find(hub: Premises, device: str) -> Device:
    found = hub.register.devices.get(device)
    if found is None:
        raise HTTPException(404, "no such device")
    return found


DEVICES = Endpoints(
    "devices",
    (
        Endpoint("GET", "/devices", list_devices, Role.READER, "read"),
        Endpoint("GET", "/devices/{device}", show_device, Role.READER, "read", form="object"),
        Endpoint("POST", "/devices/{device}/revoke", revoke, Role.ADMIN, "revoke", form="object"),
        Endpoint("POST", "/devices/confirm", confirm, Role.ADMIN, "confirm", form="object"),
    ),
)
