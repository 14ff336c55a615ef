"""Notices: what people are told, how far each has come, and sending again what was given up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub
from carecordon.model.notice import NoticeRow, NoticeState
from carecordon.model.person import Role
from carecordon.model.times import rfc3339

COLUMNS = ("number", "made", "receiver", "incident", "level", "subject", "state", "tries", "why", "sent")
MOST = 1_000
MAX_NUMBER = 1 << 62
NAMED = 5
"""Unknown notices that a refusal names."""


class Again(BaseModel):
    """Which notices are sent again."""

    model_config = ConfigDict(extra="forbid")

    notices: list[Annotated[int, Field(ge=1, le=MAX_NUMBER)]] | None = Field(
        max_length=10_000, description="Their numbers; null: all that have failed."
    )


def row_of(row: NoticeRow) -> Row:
    """Return a notice in a list; `incident` is its number, None where it is of none."""
    return {
        "number": row.number,
        "made": rfc3339(row.made),
        "receiver": row.channel,
        "incident": row.incident,
        "level": row.level,
        "subject": row.subject,
        "state": row.state.value,
        "tries": row.tries,
        "why": row.why,
        "sent": rfc3339(row.sent),
    }


def list_notices(
    request: Request,
    hub: Hub,
    state: Annotated[NoticeState | None, Query(description="Only of this state.")] = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Of lower numbers than this.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List notices, the latest first. `failed` are those that were given up: nobody was told."""
    found = hub.register.outbox.all(limit + 1, state, before)
    rows = [row_of(row) for row in found[:limit]]
    if len(found) <= limit:
        return respond(request, Answer(COLUMNS, rows))
    after = ("before", str(found[limit - 1].number))
    return respond(request, Answer(COLUMNS, rows, f"only {limit} were asked for", after))


def send_again(hub: Hub, caller: Caller, which: Annotated[Again, Body()]) -> Response:
    """Send notices again that were given up: those that are named, or all of them.

    Where one of those that are named is none of this hub's, nothing is done.
    """
    named = list(dict.fromkeys(which.notices or ()))
    found = {row.number: row for row in hub.register.outbox.get(named)}
    unknown = [number for number in named if number not in found]
    if unknown:
        told = ", ".join(map(str, unknown[:NAMED])) + (" and more" if len(unknown) > NAMED else "")
        raise HTTPException(404, f"no such notice: {told}; nothing was done")
    others = [number for number in named if found[number].state is not NoticeState.FAILED]
    count = hub.register.outbox.again(None if which.notices is None else named, caller.name, hub.clock())
    return Response(encoded({"again": count, "not_failed": others}), media_type="application/json")


NOTICES = Endpoints(
    "notices",
    (
        Endpoint("GET", "/notices", list_notices, Role.ANALYST, "read"),
        Endpoint("POST", "/notices/again", send_again, Role.ADMIN, "send-again", form="object"),
    ),
)
