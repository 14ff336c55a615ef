"""What endpoints work with: the register, the settings and paths, the way to the events, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from carecordon.console.questions import Questions
from carecordon.console.rates import Rates
from carecordon.hub.config import Paths, Settings
from carecordon.model.person import Bearer
from carecordon.register.register import Register
from carecordon.report.story.words import Words


@dataclass(frozen=True, slots=True)
class Premises:
    """One hub, as the API sees it. `clock` UTC ns."""

    paths: Paths
    settings: Settings
    register: Register
    questions: Questions
    words: Words
    rates: Rates = field(default_factory=Rates)
    noted: dict[str, int] = field(default_factory=dict)
    """On which day (since 1970) the audit log was last told that somebody reads the figures, by name and token."""
    clock: Callable[[], int] = time.time_ns


def premises_of(request: Request) -> Premises:
    """Return the hub that a request is about."""
    found = request.app.state.premises
    assert isinstance(found, Premises)  # noqa: S101  # set once, when the app is made
    return found


def caller_in(request: Request) -> Bearer:
    """Return who calls, as console/guard.py found out."""
    found = request.state.caller
    assert isinstance(found, Bearer)  # noqa: S101  # no endpoint is reached without one
    return found


Hub = Annotated[Premises, Depends(premises_of)]
Caller = Annotated[Bearer, Depends(caller_in)]
