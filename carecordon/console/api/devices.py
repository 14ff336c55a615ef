"""Devices: which there are, how they are, what was seen of each; and revoking one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Body, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.api.ask import rows_of
from carecordon.console.api.incidents import row_of as incident_row
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub, Premises
from carecordon.console.questions import ceiling
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
MOST = 10_000
MOST_CHANNELS = 10_000
NAMED = 5
"""Unknown devices that a refusal names."""
NS = 1_000_000_000
HEX = frozenset("0123456789abcdef")
ID_DIGITS = 32
COVERAGE = ("channel", "device", "events", "last_received", "last_time")
LATEST = 20
"""Incidents that a device is shown with."""
CHANNELS = 200
"""Rows of coverage that a device is shown with; more of them where they are asked for alone."""
_COVERAGE = """
SELECT channel, device, count() AS events, max(received) AS last_received, max(time) AS last_time
FROM events WHERE sender = '{id}' GROUP BY channel, device ORDER BY events DESC, channel, device
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
    name: Annotated[
        str | None, Query(max_length=300, description="Only the one of this id, else those of this name.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List devices by id."""
    found = hub.register.devices.all(after, limit + 1, name)
    rows = [row_of(hub, device) for device in found[:limit]]
    if len(found) <= limit:
        return respond(request, Answer(COLUMNS, rows))
    return respond(request, Answer(COLUMNS, rows, f"only {limit} were asked for", ("after", found[limit - 1].id)))


def show_device(hub: Hub, device: str) -> Response:
    """Show one device: its health, its coverage (last seen per channel), and the latest incidents it is part of."""
    found = _find(hub, device)
    incidents = hub.register.cases.incidents(IncidentQuery(device=found.name, limit=LATEST + 1))
    try:
        coverage: Answer | None = _coverage(hub, found, CHANNELS)
    except ConnectionError:
        coverage = None
    told = row_of(hub, found) | {
        "coverage": None if coverage is None else coverage.rows,
        "coverage_cut": (coverage.cut or None) if coverage is not None else "the store of events does not answer",
        "incidents": [incident_row(row) for row in incidents[:LATEST]],
        "incidents_cut": f"only the latest {LATEST} are shown" if len(incidents) > LATEST else None,
        "fingerprint": found.fingerprint,
        "serial": found.serial,
    }
    return Response(encoded(told), media_type="application/json")


def cover(
    request: Request, hub: Hub, device: str, limit: Annotated[int, Query(ge=1, le=MOST_CHANNELS)] = CHANNELS
) -> Response:
    """List what was received of each channel of a device, and when last; the most first."""
    return respond(request, _coverage(hub, _find(hub, device), limit))


def revoke(hub: Hub, caller: Caller, device: str, reason: Annotated[Reason, Body()]) -> Response:
    """Revoke a device for ever: its live session is cut within a minute, and it can only be enrolled anew."""
    found = _find(hub, device)
    is_new = revoke_device(hub.register, hub.paths.keys, found.id, reason.why, caller.name, hub.clock())
    return Response(encoded({"id": found.id, "is_new": is_new}), media_type="application/json")


def confirm(hub: Hub, caller: Caller, which: Annotated[Held, Body()]) -> Response:
    """Let devices in again that are held since a restore: those that are named, or all of them.

    Where one of those that are named is no device of this hub, nothing is done.
    """
    found = {name: hub.register.devices.get(name) for name in which.devices or ()}
    unknown = [name for name, device in found.items() if device is None]
    if unknown:
        raise HTTPException(404, f"{_no_such(unknown)}; nothing was done")
    free = [name for name, device in found.items() if device is not None and device.standing is not Standing.HELD]
    confirmed = hub.register.devices.confirm(which.devices, caller.name, hub.clock())
    return Response(encoded({"confirmed": confirmed, "not_held": free}), media_type="application/json")


def _coverage(hub: Premises, device: Device, limit: int) -> Answer:
    """Return what was received of each channel of a device. Raises ConnectionError where the store does not answer.

    `device.id` is drawn by the hub, 32 hexadecimal digits, so nothing else can stand in the question.
    """
    if len(device.id) != ID_DIGITS or not HEX.issuperset(device.id):
        return Answer(COVERAGE, [])
    with hub.questions.reader() as reader:
        found = reader.ask(_COVERAGE.replace("{id}", device.id), ceiling(hub.settings.limits, limit))
    if isinstance(found, Denied):
        raise ConnectionError(f"the telemetry store gave no answer: {found}")
    return replace(rows_of(found, hub.settings.limits, limit), columns=COVERAGE)


def _find(hub: Premises, device: str) -> Device:
    found = hub.register.devices.get(device)
    if found is None:
        raise HTTPException(404, _no_such([device]))
    return found


def _no_such(names: list[str]) -> str:
    told = ", ".join(name[:ID_DIGITS] for name in names[:NAMED])
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"no such device: {told}{more}"


DEVICES = Endpoints(
    "devices",
    (
        Endpoint("GET", "/devices", list_devices, Role.READER, "read"),
        Endpoint("GET", "/devices/{device}", show_device, Role.READER, "read", form="object"),
        Endpoint("GET", "/devices/{device}/coverage", cover, Role.READER, "ask"),
        Endpoint("POST", "/devices/{device}/revoke", revoke, Role.ADMIN, "revoke", form="object"),
        Endpoint("POST", "/devices/confirm", confirm, Role.ADMIN, "confirm", form="object"),
    ),
)
