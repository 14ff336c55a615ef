"""What triage says: alerts that belong together, told as one incident with its processes, entities and score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from carecordon.model.event import Fields, Value
from carecordon.model.match import Level, Match, RuleHead


class EntityKind(StrEnum):
    """What took part in an incident."""

    DEVICE = "device"
    ACCOUNT = "account"
    PROCESS = "process"
    FILE = "file"
    HASH = "hash"
    SERVICE = "service"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing that took part. `name` as first spelt; `device` None for what is not one device's.

    `first` and `last` UTC ns of the events of the incident that name it; `count` how many do.
    """

    kind: EntityKind
    name: str
    device: str | None
    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class Summand:
    """One part of a score: its name in the contract, its points, and why they are given, in words."""

    name: str
    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """How bad an incident is; the summands add up to `total`."""

    total: int
    summands: tuple[Summand, ...]


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """One process of an incident's tree.

    `key` and `parent` name it and its parent within the incident; a parent that is not in
    the tree, or not known, is None. What no event told is None; `start` UTC ns.
    `is_context`: nothing matched in it, it stands there for what it started or what started it.
    """

    key: str
    parent: str | None
    device: str
    pid: int | None
    image: str | None
    command_line: str | None
    account: str | None
    start: int | None
    is_context: bool
    logon: str | None = None
    until: int | None = None
    """When its process id was seen to be another's (UTC ns)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """The matches of one rule in one process (else: by one account) of one device, folded.

    `first` and `last` UTC ns; `count` events, each counted once however many files it stands
    in; `sample` the earliest match; `process` a key of the incident's tree or None.
    """

    rule: RuleHead
    device: str
    process: str | None
    first: int
    last: int
    count: int
    sample: Match


@dataclass(frozen=True, slots=True)
class Chain:
    """A correlation that is part of an incident: the rule, its figure, UTC ns of the first event and of the last.

    `group` what its events have in common, field or alias to value; `devices` in order of name; `events` that make it
    up; `sample` the earliest of them, None where an incident was kept before it was told.
    """

    rule: RuleHead
    count: int | float
    first: int
    last: int
    group: Mapping[str, Value] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    events: int = 0
    sample: Match | None = None


@dataclass(frozen=True, slots=True)
class DeviceAsset:
    """What one device of an incident is for, by the hospital's own list: its class, and its impact class, S0 to S3."""

    device: str
    kind: str
    impact: str


class Place(Struct, frozen=True):
    """Where a match stands: file, position (1-based) and the id of the rule."""

    file: str
    position: int
    rule_id: str


@dataclass(frozen=True, slots=True)
class Incident:
    """What belongs together, and how bad it is.

    `id` is made from the earliest match and so may change when an earlier one arrives or
    two incidents merge: `aliases` are the ids it had before. `techniques` in the order they
    were first seen. `alerts` by time; `places` by (file, position). `is_late`: extended by
    something that came after the horizon.
    """

    id: str
    aliases: tuple[str, ...]
    title: str
    level: Level
    score: Score
    devices: tuple[str, ...]
    first: int
    last: int
    techniques: tuple[str, ...]
    alerts: tuple[Alert, ...]
    chains: tuple[Chain, ...]
    entities: tuple[Entity, ...]
    processes: tuple[ProcessSeen, ...]
    places: tuple[Place, ...]
    links: tuple[str, ...] = ()
    """Why its parts are one, in words: `the account WPH\\it.lane on 3 devices`."""
    is_late: bool = False
    assets: tuple[DeviceAsset, ...] = ()
    """Those of its devices that the hospital's list names, the gravest impact first."""


@dataclass(frozen=True, slots=True)
class EventSeen:
    """One event of an incident, whole. `process` a key of the incident's tree or None; `time` UTC ns."""

    file: str
    position: int
    record_id: int | None
    time: int
    device: str | None
    channel: str | None
    event_id: int | None
    process: str | None
    fields: Fields


class Phase(StrEnum):
    """Where a fact stands in a story: what led up to the first match, the attack, what came after the last."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence of a story and the event that it tells (of several alike the first; `count` says how many)."""

    time: int
    device: str | None
    text: str
    techniques: tuple[str, ...]
    phase: Phase
    file: str
    position: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Story:
    """An incident in words: what happened, what to do next, and what is not known; each entry one sentence."""

    summary: str
    facts: tuple[Fact, ...]
    next_steps: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """An incident with its story and its events in time order; `left_out` events there was no room for."""

    incident: Incident
    story: Story
    events: Sequence[EventSeen]
    left_out: int = 0
