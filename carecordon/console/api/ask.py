"""A question in SQL: one SELECT over the published views, taken apart and put together anew; never passed through."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from carecordon.console import answer
from carecordon.console.answer import respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Hub
from carecordon.console.questions import by_settings, ceiling
from carecordon.hub.config import Limits
from carecordon.model.person import Role
from carecordon.telemetry.answer import STOPPED, Answer, Denied

SQL_CHARS = 32_768


class Question(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid")

    sql: str = Field(min_length=1, max_length=SQL_CHARS, description="One SELECT over the views in docs/questions.md.")
    rows: int | None = Field(None, ge=1, le=100_000, description="No more rows than this.")


def ask(request: Request, hub: Hub, question: Annotated[Question, Body()]) -> Response:
    """Answer one SELECT over the published views."""
    with hub.questions.reader() as reader:
        found = reader.ask(question.sql, ceiling(hub.settings.limits, question.rows))
    return respond(request, rows_of(found, hub.settings.limits, question.rows))


def rows_of(found: Answer | Denied, limits: Limits, wanted: int | None) -> answer.Answer:
    """Return what the store gave, as rows, of which so many were wanted (None: all that the settings give).

    Raises HTTPException, 400, where it was not asked rightly.
    """
    if isinstance(found, Denied):
        raise HTTPException(400, str(found))
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    why = (found.why or "there are more rows") if found.is_cut else ""
    if why and not why.startswith(STOPPED) and (wanted is None or wanted > limits.question_rows):
        why = by_settings(limits.question_rows)
    return answer.Answer(found.columns, rows, why)


ASK = Endpoints("ask", (Endpoint("POST", "/ask", ask, Role.READER, "ask"),))
