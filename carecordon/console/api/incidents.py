"""Incidents: which there are, and each with its story, alerts, processes and devices."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import HTTPException, Query, Request, Response

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Hub
from carecordon.console.telling import case_of, page_of
from carecordon.model.kept import IncidentQuery, IncidentRow, Status
from carecordon.model.match import Level
from carecordon.model.person import Role
from carecordon.model.times import rfc3339
from carecordon.report.case_lines import incident as incident_line

COLUMNS = (
    "number", "id", "title", "level", "score", "status", "devices_total", "devices", "first", "last", "alerts",
    "known", "changed",
)  # fmt: skip
MOST = 1_000
DEVICES_LISTED = 20
MAX_NUMBER = 1 << 62


def row_of(row: IncidentRow) -> Row:
    """Return an incident in a list."""
    return {
        "number": row.number,
        "id": row.id,
        "title": row.title,
        "level": row.level.value,
        "score": row.score,
        "status": row.status.value,
        "devices_total": len(row.devices),
        "devices": list(row.devices[:DEVICES_LISTED]),
        "first": rfc3339(row.first),
        "last": rfc3339(row.last),
        "alerts": row.alerts,
        "known": rfc3339(row.known),
        "changed": rfc3339(row.changed),
    }


NAME_CHARS = 100
"""Of what is not there, in a refusal."""


def find(hub: Hub, name: str) -> IncidentRow:
    """Return the incident of this number or id. Raises HTTPException, 404, where there is none."""
    is_number = name.isascii() and name.isdecimal() and len(name) < 16
    row = hub.register.cases.incident(int(name) if is_number else name)
    if row is None:
        raise HTTPException(404, f"no such incident: {name[:NAME_CHARS]}")
    return row


def list_incidents(
    request: Request,
    hub: Hub,
    status: Annotated[list[Status] | None, Query(description="Only of these standings.")] = None,
    level: Annotated[Level | None, Query(description="Of this level and above.")] = None,
    device: Annotated[str | None, Query(max_length=300)] = None,
    since: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Changed then (UTC ns) or later.")] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Of lower numbers than this.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List incidents, the latest number first."""
    asked = IncidentQuery(tuple(status) if status else None, level, device, since, before, limit + 1)
    rows = hub.register.cases.incidents(asked)
    if len(rows) <= limit:
        return respond(request, Answer(COLUMNS, [row_of(row) for row in rows]))
    shown = rows[:limit]
    after = ("before", str(shown[-1].number))
    return respond(request, Answer(COLUMNS, [row_of(row) for row in shown], f"only {limit} were asked for", after))


def show_incident(hub: Hub, name: str) -> Response:
    """Show one incident whole: the output contract's line of it, with number, status and story."""
    row = find(hub, name)
    line = incident_line(case_of(hub, row))
    status = {
        "number": row.number,
        "status": row.status.value,
        "status_by": row.status_by,
        "status_why": row.status_why,
        "version": row.version,
        "reopened": row.reopened,
        "known": rfc3339(row.known),
        "changed": rfc3339(row.changed),
        "ids": list(row.ids),
        "merged": list(row.merged),
    }
    return Response(encoded(status | line), media_type="application/json")


def tell_incident(
    hub: Hub, name: str, width: Annotated[int, Query(ge=40, le=400, description="Columns of the page.")] = 100
) -> Response:
    """Tell one incident as a page of plain text."""
    return Response(page_of(case_of(hub, find(hub, name)), width), media_type="text/plain; charset=utf-8")


def give_case(hub: Hub, name: str) -> Response:
    """Give one incident with its story and its events, as Carecordon's own commands read it."""
    return Response(msgspec.json.encode(case_of(hub, find(hub, name))), media_type="application/json")


INCIDENTS = Endpoints(
    "incidents",
    (
        Endpoint("GET", "/incidents", list_incidents, Role.READER, "read"),
        Endpoint("GET", "/incidents/{name}", show_incident, Role.READER, "read", form="object"),
        Endpoint("GET", "/incidents/{name}/story", tell_incident, Role.READER, "read", form="text"),
        Endpoint("GET", "/incidents/{name}/case", give_case, Role.READER, "read", form="object"),
    ),
)
