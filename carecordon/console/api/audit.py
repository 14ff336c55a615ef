"""The audit log: who did or asked what, and whether the log is still what was written."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Hub
from carecordon.hub.backup.check import check as hub_check
from carecordon.model.audit import AuditEntry
from carecordon.model.person import Role
from carecordon.model.times import rfc3339

COLUMNS = ("number", "at", "who", "verb", "subject", "detail", "seal")
MOST = 1_000
FINDINGS = 500


def row_of(entry: AuditEntry) -> Row:
    """Return an entry in a list."""
    act = entry.act
    return {
        "number": entry.number,
        "at": rfc3339(entry.at),
        "who": act.who,
        "verb": act.verb,
        "subject": act.subject,
        "detail": act.detail,
        "seal": entry.seal,
    }


def list_entries(
    request: Request,
    hub: Hub,
    who: Annotated[str | None, Query(max_length=200, description="Only what this one did.")] = None,
    before: Annotated[int | None, Query(ge=1, le=1 << 62, description="Of lower numbers than this.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List entries, the latest first: the first of them is this question."""
    found = hub.register.audit.entries(before, limit + 1, who)
    shown = [row_of(entry) for entry in found[:limit]]
    if len(found) <= limit:
        return respond(request, Answer(COLUMNS, shown))
    after = ("before", str(found[limit - 1].number))
    return respond(request, Answer(COLUMNS, shown, f"only {limit} were asked for", after))


def check(hub: Hub) -> Response:
    """Read all that the hub keeps, the audit log among it, and say what is not as it was written."""
    found = hub_check(hub.paths, hub.clock())
    head = hub.register.audit.head()
    told = {
        "is_sound": not any(one.is_grave for one in found),
        "findings": [{"where": one.where, "what": one.what, "is_grave": one.is_grave} for one in found[:FINDINGS]],
        "findings_total": len(found),
        "audit_head": {"number": head.number, "seal": head.seal},
    }
    return Response(encoded(told), media_type="application/json")


AUDIT = Endpoints(
    "audit",
    (
        Endpoint("GET", "/audit", list_entries, Role.ADMIN, "read"),
        Endpoint("GET", "/audit/check", check, Role.ADMIN, "check", form="object"),
    ),
)
