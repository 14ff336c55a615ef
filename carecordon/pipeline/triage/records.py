"""What grouping keeps, as small records under keys: a step names those it changed, and only these are written.

    unit      one unit, without the places beyond the first and without the identities of events
              it has met: what comes from a stream comes once; its body closed, for most are not asked for it
    start     one process of a device
    member    one rule's match of an event that a correlation may come to be made of
    incident  an incident as it was told last: of how many units, and the ids that it had before
    told      by whom incidents were told last, and how rare their rules were then
    untold    a device on which something came since
    rule      the head of a rule, by a name that stands for it in the others
    passed    the event time up to which correlations were told

Read back, in any order, they give the same incidents. Units and processes are many: their records are lists, and do not
say again where a process was told, or which unit it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from sys import intern
from typing import ClassVar

import msgspec
from msgspec import Struct
from msgspec.msgpack import Decoder
from msgspec.structs import force_setattr, replace

from carecordon.model.kept import KeysUnder
from carecordon.model.match import CorrelationMatch, Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.heads import Heads
from carecordon.pipeline.triage.links import Link
from carecordon.pipeline.triage.members import Member
from carecordon.pipeline.triage.processes import Asleep
from carecordon.pipeline.triage.subject import Subject
from carecordon.pipeline.triage.unchanged import AsTold, LastTold
from carecordon.pipeline.triage.unit import OWN, Body, Damaged, Unit

Key = tuple[str, ...]
"""What sort of record it is, then what names it among them."""
UNIT, START, MEMBER, INCIDENT, PASSED, RULE = "unit", "start", "member", "incident", "passed", "rule"
TOLD, UNTOLD = "told", "untold"
PLACES_WRITTEN = 100
Item = Unit | ProcessStart | Match | AsTold | RuleHead | LastTold | bool
"""What a record is made of; that of an untold device says nothing but that it is there."""
Records = Iterable[tuple[Key, bytes]]


class _Unit(Struct, array_like=True):
    """A unit's record, by the name of its rule."""

    rule: str
    device: str
    first: int
    last: int
    subject: Subject
    body: bytes
    chain: CorrelationMatch | None
    count: int
    version: int
    links: set[Link]
    devices: set[str]
    is_late: bool
    incident: str
    touched: int
    tree: tuple[Link, ...] | None = None


_Text = str | None
_Start = tuple[int, tuple[int | None, _Text, int | None, _Text], tuple[_Text, _Text, _Text, _Text], _Text]
"""A process's record: its time; ids and the parent's; image, the parent's, command line and account; logon."""
_UNIT: Decoder[_Unit] = Decoder(_Unit)
_START: Decoder[_Start] = Decoder(_Start)
_MEMBER: Decoder[Match] = Decoder(Match)
_AS_TOLD: Decoder[AsTold] = Decoder(AsTold)
_HEAD: Decoder[RuleHead] = Decoder(RuleHead)
_TIME: Decoder[int] = Decoder(int)
_LAST_TOLD: Decoder[LastTold] = Decoder(LastTold)


def unit_key(unit: Unit) -> Key:
    """Return the key of a unit's record."""
    return (UNIT, *unit.key)


STARTS = KeysUnder((START,), 4)
"""The keys of processes."""


def starts_on(device: str) -> KeysUnder:
    """Return the keys of a device's processes."""
    return KeysUnder((*STARTS.begin, device), STARTS.parts)


def start_key(start: ProcessStart) -> Key:
    """Return the key of a process's record: where its start was told."""
    return START, start.device, start.file, str(start.position)


def member_key(member: Member) -> Key:
    """Return the key of the record of a match that correlations are about."""
    file, position, rule_id = member
    return MEMBER, file, str(position), rule_id


def member_named(key: Key) -> Member:
    """Return the match that this is the key of."""
    _, file, position, rule_id = key
    return file, int(position), rule_id


def untold_key(device: str) -> Key:
    """Return the key of the record of a device on which something came since incidents were told."""
    return UNTOLD, device


def head_key(name: str) -> Key:
    """Return the key of the record of a rule's head."""
    return RULE, name


def written(item: Item, heads: Heads) -> bytes:
    """Return the record of something; `heads` gives the names of the rules in it."""
    content: object = item
    if isinstance(item, Unit):
        content = _of_unit(item, heads)
    elif isinstance(item, ProcessStart):
        content = _of_start(item)
    elif isinstance(item, Match):
        content = replace(item, rule=heads.name(item.rule))
    return msgspec.msgpack.encode(content)


def _of_unit(unit: Unit, heads: Heads) -> _Unit:
    return _Unit(
        rule=heads.name(unit.rule).id,
        device=unit.device,
        first=unit.first,
        last=unit.last,
        subject=unit.subject,
        body=unit.content if isinstance(unit.content, bytes) else _of_body(unit.content, unit.rule),
        chain=unit.chain and replace(unit.chain, rule=OWN),
        count=unit.count,
        version=unit.version,
        links=unit.links,
        devices=unit.devices,
        is_late=unit.is_late,
        incident=unit.incident,
        touched=unit.touched,
        tree=unit.tree,
    )


def _of_body(body: Body, rule: RuleHead) -> bytes:
    beyond = max(0, len(body.places) - PLACES_WRITTEN)
    sample = replace(body.sample, rule=OWN) if body.sample.rule == rule else body.sample
    return msgspec.msgpack.encode(
        Body(sample, body.entities, body.places[:PLACES_WRITTEN], body.left_out + beyond),
    )


def _of_start(start: ProcessStart) -> _Start:
    ids = start.pid, start.guid, start.parent_pid, start.parent_guid
    return start.time, ids, (start.image, start.parent_image, start.command_line, start.account), start.logon


def start_of(key: Key, record: bytes) -> ProcessStart:
    """Return the process that a record is of. Raises msgspec.DecodeError or ValueError where it is of none."""
    _, device, file, position = key
    time, ids, (image, above, line, account), logon = _START.decode(record)
    texts = image and intern(image), above and intern(above), line, account and intern(account)  # those of others too
    return ProcessStart(intern(device), time, *ids, *texts, logon, intern(file), int(position))


def time_record(time: int) -> bytes:
    """Return the record of a time (UTC ns)."""
    return msgspec.msgpack.encode(time)


class Kept:
    """Records read back: units by key, processes, members, incidents as they were told, how far was told.

    `bad` are those that are none of ours: why, and what is in them.
    """

    def __init__(
        self,
        records: Records = (),
        spare: Callable[[], Iterable[RuleHead]] = tuple,
        asleep: Asleep | None = None,
    ) -> None:
        """Read them, in any order. `spare` gives heads that may be among those that others name and are not there.

        Where processes are not among the records but `asleep`, the bodies of units stay closed too, and whoever asks
        for what is damaged meets Damaged.
        """
        self.heads = Heads()
        self.units: dict[tuple[str, ...], Unit] = {}
        self.starts: list[ProcessStart] = []
        self.asleep = asleep
        self.members: dict[Member, Match] = {}
        self.incidents: dict[str, AsTold] = {}
        self.passed: int | None = None
        self.told: LastTold | None = None
        self.untold: set[str] = set()
        self.bad: dict[Key, tuple[str, bytes]] = {}
        early = [(key, record) for key, record in records if not self._read(key, record)]
        if any(not self._read(key, record) for key, record in early):
            self.heads.remake(spare())
        for key, record in early:
            if not self._read(key, record):
                self.bad[key] = "the rule that it names is not there", record

    def rules(self) -> Iterator[RuleHead]:
        """Yield the heads that units and members have, most of them many times."""
        for unit in self.units.values():
            yield unit.rule
        for member in self.members.values():
            yield member.rule

    def _read(self, key: Key, record: bytes) -> bool:
        """Take in a record; return whether the heads that it names are known."""
        take = self._TAKERS.get(key[0] if key else "")
        if take is None:
            self.bad[key] = "no record of triage: the state is another version's, or damaged", record
            return True
        try:
            return take(self, key, record)
        except (msgspec.DecodeError, ValueError, Damaged) as fault:
            self.bad[key] = f"the record cannot be read: {fault}", record
            if key[0] == START:
                self.untold.update(key[1:2])  # what its device's incidents say may be otherwise without it
            return True

    def _take_unit(self, key: Key, record: bytes) -> bool:
        read = _UNIT.decode(record)
        rule = self.heads.of(read.rule)
        if rule is None:
            return False
        unit = Unit(
            key=key[1:],
            rule=rule,
            device=read.device,
            first=read.first,
            last=read.last,
            subject=read.subject,
            content=read.body,
            chain=read.chain and replace(read.chain, rule=rule),
            count=read.count,
            version=read.version,
            links=read.links,
            devices=read.devices,
            is_late=read.is_late,
            incident=read.incident,
            touched=read.touched,
            tree=read.tree,
        )
        if self.asleep is None:
            _ = unit.body
        self.units[unit.key] = unit
        return True

    def _take_start(self, key: Key, record: bytes) -> bool:
        self.starts.append(start_of(key, record))
        return True

    def _take_member(self, key: Key, record: bytes) -> bool:
        name = member_named(key)
        member = self._match(_MEMBER.decode(record))
        if member is None:
            return False
        self.members[name] = member
        return True

    def _take_incident(self, key: Key, record: bytes) -> bool:
        _, name = key
        self.incidents[name] = _AS_TOLD.decode(record)
        return True

    def _take_head(self, key: Key, record: bytes) -> bool:
        _, name = key
        self.heads.take(name, _HEAD.decode(record))
        return True

    def _take_told(self, _: Key, record: bytes) -> bool:
        self.told = _LAST_TOLD.decode(record)
        return True

    def _take_untold(self, key: Key, _record: bytes) -> bool:
        _, device = key
        self.untold.add(device)
        return True

    def _take_passed(self, _: Key, record: bytes) -> bool:
        self.passed = _TIME.decode(record)
        return True

    def _match(self, match: Match) -> Match | None:
        """Return a match that was just read, with its rule's head; None where that is not known."""
        head = self.heads.named(match.rule)
        if head is None:
            return None
        force_setattr(match, "rule", head)  # nobody else has it yet, and a copy costs as much as reading it
        return match

    _TAKERS: ClassVar[dict[str, Callable[[Kept, Key, bytes], bool]]] = {
        UNIT: _take_unit,
        START: _take_start,
        MEMBER: _take_member,
        INCIDENT: _take_incident,
        RULE: _take_head,
        TOLD: _take_told,
        UNTOLD: _take_untold,
        PASSED: _take_passed,
    }
