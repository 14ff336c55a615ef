"""A channel: one way that a notice takes to a person, and what may become of a notice on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from carecordon.notify.notice import Notice

REASON_CHARS = 300
MAIL, HOOK = "mail", "webhook"
"""Names of channels, for who names receivers and sends nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told: by which channel, under which name in logs and outbox, and how that one is reached.

    `settings` as they stand in `hub.toml`; `secret` what their secret file holds, never shown.
    """

    channel: str
    name: str
    settings: dict[str, Any]
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has taken it."""


@dataclass(frozen=True, slots=True)
class Later:
    """It did not get through: worth another try."""

    reason: str
    after_s: float = 0.0
    """How long the receiver wants to be left alone."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver wants no more notices, ever."""

    reason: str


Outcome = Delivered | Later | Gone


@dataclass(frozen=True, slots=True)
class Channel:
    """One way. `send` never raises on what a receiver does; raises TheirFault where the settings cannot be used.

    `now` UTC ns. A notice sent twice bears the same id both times, so that its receiver can tell.
    """

    name: str
    send: Callable[[Notice, Target, int], Coroutine[Any, Any, Outcome]]


def message_id(notice: Notice, target: Target) -> str:
    """Return the id that a notice has at a receiver: always the same one."""
    return hashlib.sha256(f"{target.name}\n{notice.key}".encode()).hexdigest()[:40]
