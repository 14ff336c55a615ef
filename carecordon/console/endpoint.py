"""An endpoint: one path of the API, what it takes to call it, and how a call stands in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carecordon.model.person import Role


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path below `/api/v1`.

    `call` is a plain function, run in a thread of its own, never in the event loop. `verb` is the word in the audit
    log, written before `call` is called. `is_secret`: what is sent is not written there, but for the fields `told`.
    """

    method: str
    path: str
    call: Callable[..., Any]
    role: Role
    verb: str
    is_secret: bool = False
    told: tuple[str, ...] = ()
    form: str = "rows"
    """`rows`: JSON, JSON lines or CSV as asked for; `object`: JSON; `text`; `stream`: JSON lines as they come."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What one file of the shelf offers, and its name in the documentation."""

    name: str
    endpoints: tuple[Endpoint, ...]
