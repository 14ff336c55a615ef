"""What triage leaves behind for people, and the one commit that it leaves it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from carecordon.model.audit import Act
from carecordon.model.match import Level
from carecordon.model.notice import NewNotice


class Status(StrEnum):
    """How far people are with an incident."""

    NEW = "new"
    OPEN = "open"
    """Somebody works on it; or it was closed and something was added to it."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """One alert of an incident, as triage tells it; or a correlation that matched.

    `id` by `register/identity.py`: of (organisation, rule, device, entity, first event). `entity` the process's key, or
    the account where no process is known, or ''; of a correlation what its events have in common and the first of them,
    its `device` '' where they are of several. `body` the alert whole, as that file packs it. Times UTC ns.
    """

    id: str
    rule_id: str
    title: str
    level: Level
    device: str
    entity: str
    first: int
    last: int
    count: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ToldIncident:
    """One incident, as triage tells it, with all of its alerts: those not among them any more are forgotten.

    `aliases` the ids it had before: the register keeps its number and status whatever id it comes under.
    `body` the incident whole, as `register/identity.py` packs it. Times UTC ns.
    """

    id: str
    aliases: tuple[str, ...]
    title: str
    level: Level
    score: int
    devices: tuple[str, ...]
    first: int
    last: int
    body: bytes
    alerts: tuple[ToldAlert, ...]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """What a person made of an incident, named by any id it has or had, or by its number."""

    incident: str | int
    status: Status
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that the hub cannot see or do at present, or has lost: shown until it is over.

    `key` makes it single: a second one with the same key changes the first. `kind` in one word (`silent`, `gap`,
    `blind`, `rule`, `lag`); `device` None for what is not one device's; `count` of events or
    devices concerned. `until` None while it lasts. Times UTC ns.
    """

    key: str
    kind: str
    device: str | None
    text: str
    since: int
    until: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Letter:
    """What could not be worked on in three tries and was set aside, whole, to be looked at and played again.

    `key` makes it single; `where` in one line (partition and positions, sender and numbers). `at` UTC ns.
    """

    key: str
    where: str
    reason: str
    payload: bytes
    at: int


@dataclass(frozen=True, slots=True)
class KeysUnder:
    """The keys of triage's records that have so many parts and begin with these."""

    begin: tuple[str, ...]
    parts: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one step of triage changes, in one transaction: all of it is on disk, or none.

    `after` and `position`: of stream 2, what the register stood at and what it stands at then. `records`: the state of
    triage, None deletes. What is empty changes nothing.
    """

    now: int
    after: int
    position: int
    records: Mapping[tuple[str, ...], bytes | None] = field(default_factory=dict)
    incidents: Sequence[ToldIncident] = ()
    statuses: Sequence[StatusChange] = ()
    notices: Sequence[NewNotice] = ()
    troubles: Sequence[Trouble] = ()
    letters: Sequence[Letter] = ()
    acts: Sequence[Act] = ()


class Committed(StrEnum):
    """What became of a commit."""

    DONE = "done"
    ALREADY = "already"
    """It was in the register before: nothing was changed."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident as the register keeps it. `number` is for people and never changes; `ids` all that it has and had.

    `version` grows with every change, `changed` says when the last was, `known` when it was first told. `reopened` how
    often something was added to it after it was closed. `merged` numbers of incidents that turned out to be this one.
    `body` is empty in lists.
    """

    number: int
    id: str
    ids: tuple[str, ...]
    title: str
    level: Level
    score: int
    devices: tuple[str, ...]
    first: int
    last: int
    status: Status
    status_by: str
    status_why: str
    alerts: int
    version: int
    reopened: int
    known: int
    changed: int
    merged: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as the register keeps it; `incident` is the number. Other names as in ToldAlert."""

    id: str
    incident: int
    rule_id: str
    title: str
    level: Level
    device: str
    entity: str
    first: int
    last: int
    count: int
    known: int
    changed: int
    body: bytes


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """Which incidents: every condition that is not None holds. The latest number first, below `before`."""

    status: tuple[Status, ...] | None = None
    level: Level | None = None
    """At least this."""
    device: str | None = None
    since: int | None = None
    """Changed at this time (UTC ns) or later."""
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """Which alerts: every condition that is not None holds. By (first, id), the latest first, before `before`."""

    incident: int | None = None
    device: str | None = None
    rule_id: str | None = None
    before: tuple[int, str] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A dead letter as the register keeps it: `replayed`, a person wants it played again; `done`, it was (UTC ns).

    In lists the payload is empty; `size_bytes` is always that of what is kept.
    """

    number: int
    letter: Letter
    replayed: int | None
    done: int | None = None
    size_bytes: int = 0
