"""A notice in the outbox: what somebody is to be told, by which way, and how far that has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST_WAIT_NS = 600 * 1_000_000_000
"""No notice waits longer for its next try: one that says so was written while the clock was ahead."""


class NoticeState(StrEnum):
    """How far a notice has come."""

    WAITING = "waiting"
    BEGUN = "begun"
    """On its way: after a crash nobody knows whether it arrived."""
    DONE = "done"
    FAILED = "failed"
    """Tried as often as is sensible, and shown as such."""


@dataclass(frozen=True, slots=True)
class NewNotice:
    """What is to be told, once for ever: a second one with the same incident, key and channel changes nothing.

    `channel` names the receiver. `incident` an id that it has or had (None: of no incident): the register goes by the
    incident's number, so that an incident that got another id, or became part of another, is not told again. `level` is
    the incident's as it is told; `body` what `notify` sends; `due` UTC ns, the earliest time to send it.
    """

    channel: str
    key: str
    incident: str | None
    level: str
    subject: str
    body: bytes
    due: int


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice as it lies in the outbox.

    `number` its own, the same at every try; `incident` the incident's number; `tries` begun so far; `next_try` UTC ns;
    `why` the last try failed. `digest` the key of the digest that it last went in, '' where it went alone; `is_repeat`:
    it may have arrived before: a crash was between, or it was given up and a person let it be sent again. `made` UTC
    ns, when it was put there, or there again. `sent` UTC ns, None until it is delivered.
    """

    number: int
    channel: str
    key: str
    incident: int | None
    level: str
    subject: str
    body: bytes
    state: NoticeState
    tries: int
    made: int
    next_try: int
    why: str
    digest: str
    is_repeat: bool
    sent: int | None
