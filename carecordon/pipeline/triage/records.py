"""What grouping keeps, as small records under keys: a step names those it changed, and only these are written.

    unit      one unit, without the places beyond the first and without the identities of events
              it has met: what comes from a stream comes once
    start     one process of a device
    member    one rule's match of an event that a correlation may come to be made of
    incident  an incident as it was told last: of how many units, and the ids that it had before
    told      by whom incidents were told last, and how rare their rules were then
    untold    a device on which something came since
    rule      the head of a rule, by a name that stands for it in the others
    passed    the event time up to which correlations were told

Read back, in any order, they give the same incidents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

import msgspec
from msgspec.msgpack import Decoder
from msgspec.structs import force_setattr, replace

from carecordon.model.match import Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.heads import Heads
from carecordon.pipeline.triage.members import Member
from carecordon.pipeline.triage.unchanged import AsTold, LastTold
from carecordon.pipeline.triage.unit import Unit

Key = tuple[str, ...]
"""What sort of record it is, then what names it among them."""
UNIT, START, MEMBER, INCIDENT, PASSED, RULE = "unit", "start", "member", "incident", "passed", "rule"
TOLD, UNTOLD = "told", "untold"
PLACES_WRITTEN = 100
Item = Unit | ProcessStart | Match | AsTold | RuleHead | LastTold | bool
"""What a record is made of; that of an untold device says nothing but that it is there."""
Records = Iterable[tuple[Key, bytes]]
_UNIT: Decoder[Unit] = Decoder(Unit)
_START: Decoder[ProcessStart] = Decoder(ProcessStart)
_MEMBER: Decoder[Match] = Decoder(Match)
_AS_TOLD: Decoder[AsTold] = Decoder(AsTold)
_HEAD: Decoder[RuleHead] = Decoder(RuleHead)
_TIME: Decoder[int] = Decoder(int)
_LAST_TOLD: Decoder[LastTold] = Decoder(LastTold)


def unit_key(unit: Unit) -> Key:
    """Return the key of a unit's record."""
    return (UNIT, *unit.key)


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
    if isinstance(item, Unit):
        beyond = max(0, len(item.places) - PLACES_WRITTEN)
        chain = item.chain and replace(item.chain, rule=heads.name(item.chain.rule))
        item = replace(
            item,
            rule=heads.name(item.rule),
            sample=replace(item.sample, rule=heads.name(item.sample.rule)),
            chain=chain,
            places=item.places[:PLACES_WRITTEN],
            left_out=item.left_out + beyond,
            seen=set(),
        )
    elif isinstance(item, Match):
        item = replace(item, rule=heads.name(item.rule))
    return msgspec.msgpack.encode(item)


def time_record(time: int) -> bytes:
    """Return the record of a time (UTC ns)."""
    return msgspec.msgpack.encode(time)


class Kept:
    """Records read back: units by key, processes, members, incidents as they were told, how far was told.

    `bad` are those that are none of ours: why, and what is in them.
    """

    def __init__(self, records: Records = (), spare: Callable[[], Iterable[RuleHead]] = tuple) -> None:
        """Read them, in any order. `spare` gives heads that may be among those that others name and are not there."""
        self.heads = Heads()
        self.units: dict[tuple[str, ...], Unit] = {}
        self.starts: list[ProcessStart] = []
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
            yield unit.sample.rule
            if unit.chain is not None:
                yield unit.chain.rule
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
        except (msgspec.DecodeError, ValueError) as fault:
            self.bad[key] = f"the record cannot be read: {fault}", record
            if key[0] == START:
                self.untold.update(key[1:2])  # what its device's incidents say may be otherwise without it
            return True

    def _take_unit(self, _: Key, record: bytes) -> bool:
        unit = _UNIT.decode(record)
        rule, sample = self.heads.named(unit.rule), self._match(unit.sample)
        if rule is None or sample is None:
            return False
        if unit.chain is not None:
            head = self.heads.named(unit.chain.rule)
            if head is None:
                return False
            unit.chain = replace(unit.chain, rule=head)
        unit.rule, unit.sample = rule, sample
        self.units[unit.key] = unit
        return True

    def _take_start(self, _: Key, record: bytes) -> bool:
        self.starts.append(_START.decode(record))
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
