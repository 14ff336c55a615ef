"""Dead letters: what could not be worked on in three tries, to be looked at and played again."""

from __future__ import annotations

import base64
import subprocess
import sys
from enum import StrEnum
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response

from carecordon.console.answer import Answer, Row, encoded, respond
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub
from carecordon.model.kept import LetterRow
from carecordon.model.person import Role
from carecordon.model.times import rfc3339

COLUMNS = ("number", "at", "where", "reason", "size_bytes", "replayed")
MOST = 1_000
SHOWN_BYTES = 65_536
PLAYER = "carecordon.hub.worker.replay"
"""A process of its own: what killed a worker once must not kill the API."""
PLAY_S = 120


class Which(StrEnum):
    """Which letters."""

    WAITING = "waiting"
    REPLAYED = "replayed"
    ALL = "all"


_REPLAYED = {Which.WAITING: False, Which.REPLAYED: True, Which.ALL: None}


def row_of(row: LetterRow) -> Row:
    """Return a letter in a list."""
    return {
        "number": row.number,
        "at": rfc3339(row.letter.at),
        "where": row.letter.where,
        "reason": row.letter.reason,
        "size_bytes": row.size_bytes,
        "replayed": rfc3339(row.replayed),
    }


def list_letters(
    request: Request,
    hub: Hub,
    which: Annotated[
        Which, Query(description="Those that wait, those that were played again, or both.")
    ] = Which.WAITING,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> Response:
    """List letters, the latest first."""
    found = hub.register.letters.all(is_replayed=_REPLAYED[which], limit=limit + 1)
    cut = f"only {limit} were asked for" if len(found) > limit else ""
    return respond(request, Answer(COLUMNS, [row_of(row) for row in found[:limit]], cut))


def show_letter(hub: Hub, number: int) -> Response:
    """Show one letter with what is in it, base64."""
    row = _find(hub, number)
    payload = row.letter.payload
    told = row_of(row) | {
        "payload": base64.b64encode(payload[:SHOWN_BYTES]).decode(),
        "is_cut": len(payload) > SHOWN_BYTES,
    }
    return Response(encoded(told), media_type="application/json")


def replay(hub: Hub, caller: Caller, number: int) -> Response:
    """Play one letter again, by the rules and the program of now; 409, with the reason, where it still cannot be."""
    _find(hub, number)
    where = (str(hub.paths.data), str(hub.paths.keys), str(number), caller.name)
    try:
        done = subprocess.run(  # noqa: S603  # our own module; what is in the letter is no part of the command
            [sys.executable, "-m", PLAYER, *where], capture_output=True, text=True, timeout=PLAY_S, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise HTTPException(503, f"it took longer than {PLAY_S} s and was ended: try again") from fault
    if done.returncode:
        raise HTTPException(409, (done.stderr.strip().splitlines() or ["it could not be played again"])[-1][:500])
    return Response(encoded({"number": number, "is_replayed": True}), media_type="application/json")


def _find(hub: Hub, number: int) -> LetterRow:
    row = hub.register.letters.get(number) if 0 < number < 1 << 62 else None
    if row is None:
        raise HTTPException(404, f"no such letter: {number}")
    return row


DEAD_LETTERS = Endpoints(
    "dead letters",
    (
        Endpoint("GET", "/dead-letters", list_letters, Role.ANALYST, "read"),
        Endpoint("GET", "/dead-letters/{number}", show_letter, Role.ANALYST, "read", form="object"),
        Endpoint("POST", "/dead-letters/{number}/replay", replay, Role.ADMIN, "replay", form="object"),
    ),
)
