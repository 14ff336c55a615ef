"""Alerts: the matches of one rule in one process of one device, folded; and each correlation that matched."""

from __future__ import annotations

from typing import Annotated

from fastapi import HTTPException, Query, Request, Response

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Hub
from carecordon.model.kept import AlertQuery, AlertRow
from carecordon.model.person import Role
from carecordon.model.times import rfc3339
from carecordon.register.identity import alert_of

COLUMNS = (
    "id",
    "incident",
    "rule_id",
    "title",
    "level",
    "device",
    "entity",
    "first",
    "last",
    "count",
    "known",
    "changed",
)
MOST = 1_000
MAX_NUMBER = 1 << 62


def row_of(row: AlertRow) -> Row:
    """Return an alert in a list; `incident` is its number."""
    return {
        "id": row.id,
        "incident": row.incident,
        "rule_id": row.rule_id,
        "title": row.title,
        "level": row.level.value,
        "device": row.device,
        "entity": row.entity,
        "first": rfc3339(row.first),
        "last": rfc3339(row.last),
        "count": row.count,
        "known": rfc3339(row.known),
        "changed": rfc3339(row.changed),
    }


def list_alerts(
    request: Request,
    hub: Hub,
    incident: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Of the incident of this number.")] = None,
    device: Annotated[str | None, Query(max_length=300)] = None,
    rule: Annotated[str | None, Query(max_length=100, description="Of the rule with this id.")] = None,
    before: Annotated[str | None, Query(pattern=r"^\d{1,19}:.{1,100}$", description="As the last answer says.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List alerts, the latest first."""
    if incident is not None and hub.register.cases.incident(incident) is None:
        raise HTTPException(404, f"no such incident: {incident}")
    found = hub.register.cases.alerts(AlertQuery(incident, device, rule, _cursor(before), limit + 1))
    shown = [row_of(row) for row in found[:limit]]
    if len(found) <= limit:
        return respond(request, Answer(COLUMNS, shown))
    last = found[limit - 1]
    after = ("before", f"{last.first}:{last.id}")
    return respond(request, Answer(COLUMNS, shown, f"only {limit} were asked for", after))


def show_alert(hub: Hub, alert: str) -> Response:
    """Show one alert with its earliest match."""
    row = hub.register.cases.alert(alert)
    if row is None:
        raise HTTPException(404, "no such alert")
    sample = alert_of(row.body).sample
    match = {
        "file": sample.file,
        "position": sample.position,
        "time": rfc3339(sample.time),
        "channel": sample.channel,
        "event_id": sample.event_id,
        "fields": sample.subject | sample.fields,
    }
    return Response(encoded(row_of(row) | {"sample": match}), media_type="application/json")


def _cursor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    time, _, name = text.partition(":")
    if int(time) > MAX_NUMBER:
        raise HTTPException(422, "before: no such place")
    return int(time), name


ALERTS = Endpoints(
    "alerts",
    (
        Endpoint("GET", "/alerts", list_alerts, Role.READER, "read"),
        Endpoint("GET", "/alerts/{alert}", show_alert, Role.READER, "read", form="object"),
    ),
)
