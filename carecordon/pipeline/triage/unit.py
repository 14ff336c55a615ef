"""A unit: the matches of one rule in one process of one device within an hour, folded; what triage groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from msgspec import MsgspecError, Struct
from msgspec.msgpack import Decoder
from msgspec.structs import force_setattr, replace

from carecordon.model.errors import TheirFault
from carecordon.model.incident import EntityKind, Place
from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.links import HOUR, Link, Tie, links_of, moment
from carecordon.pipeline.triage.ordinary import is_local, is_person, telling_address
from carecordon.pipeline.triage.processes import Processes
from carecordon.pipeline.triage.subject import Subject, subject_of

PLACES_KEPT = 100_000
"""Places of one unit that are told one by one."""
KEPT = 32
"""Entities and links of each kind in one unit: what writes a thousand files need not be told by all of them."""
KNOWN_CHARS = 1 << 20
"""What matches of one moment say, together, that are looked for among those that follow."""
GIST_CHARS = 500
"""What a gist that is known counts beside what its match says."""
MEMBERS_MET = 200
"""Events of a correlation that are looked at for who took part."""

UnitKey = tuple[str, ...]
_Kinded = TypeVar("_Kinded", bound=tuple[Any, ...])
EntityKey = tuple[EntityKind, str, str | None]
"""Kind, name in lower case, device for what is one device's."""


OWN = RuleHead("\0", "", Level.INFORMATIONAL, (), "", 0)
"""What stands for a unit's own rule in its record."""


class Damaged(TheirFault):
    """What was left closed when the state was taken up cannot be read."""


class Sighting(Struct, array_like=True):
    """One entity in a unit: as first spelt, first and last time (UTC ns), events."""

    name: str
    first: int
    last: int
    count: int = 1


class Body(Struct, array_like=True):
    """What of a unit is needed where something is added to it or it is told: its earliest match, who took part, where.

    Most of what is open is only held against what comes, so that a body that was read back stays closed until then.
    """

    sample: Match
    entities: dict[EntityKey, Sighting] = {}
    places: list[Place] = []
    left_out: int = 0
    """Places beyond those kept."""


_BODY: Decoder[Body] = Decoder(Body)


class Unit(Struct):
    """See above; or a correlation, `chain`, with the events that make it up, on all their `devices`.

    `device` '' where no event names one; `subject` of the earliest match; `count` events, each once; `version` rises
    with each change.
    """

    key: UnitKey
    rule: RuleHead
    device: str
    first: int
    last: int
    subject: Subject
    content: Body | bytes
    """Its body, or that of its record while nobody has asked for it."""
    chain: CorrelationMatch | None = None
    count: int = 0
    version: int = 0
    links: set[Link] = set()
    devices: set[str] = set()
    is_late: bool = False
    incident: str = ""
    """The id of the incident it was last told in."""
    seen: set[int] = set()
    """What tells the events it has met from each other, in this process only."""
    touched: int = 0
    """When the last of it came, where it comes as it happens (UTC ns, the hub's clock)."""
    tree: tuple[Link, ...] | None = None
    """The link of its process tree as it was looked at last, if there is one; None where it was not looked at."""

    @property
    def body(self) -> Body:
        """Return its body. Raises Damaged where its record has none."""
        if isinstance(self.content, bytes):
            self.content = _opened(self.content, self.rule)
        return self.content

    @property
    def origin(self) -> tuple[int, str, str]:
        """Return what tells its earliest match from those of others, mostly: as `birth` does, but for the event."""
        if self.chain is None:
            return self.first, self.device, self.rule.id
        sample = self.body.sample
        return sample.time or 0, sample.device or "", sample.rule.id

    def add(self, match: Match, time: int, gist: Gist) -> None:
        """Take in one more match; an event met before in another file adds its place only."""
        self.version += 1
        body = self.body
        if len(body.places) < PLACES_KEPT:
            body.places.append(Place(match.file, match.position, match.rule.id))
        else:
            body.left_out += 1
        is_met = gist.identity in self.seen
        # Of an event met before only the place is new, and no later place makes it the earliest.
        if not (is_met and _place(match) >= _place(body.sample)) and earliest((body.sample, match)) is not body.sample:
            body.sample, self.subject = match, gist.subject
        if is_met:
            return
        self.seen.add(gist.identity)
        self.count += 1
        self.first, self.last = min(self.first, time), max(self.last, time)
        self.meet(match, time, gist.subject)

    def meet(self, match: Match, time: int, subject: Subject) -> None:
        """Note who took part, and what the match is tied by."""
        device = match.device or ""
        self.devices.add(device)
        body = self.body
        for kind, name, owner in entities_of(subject, device):
            key = (kind, name.lower(), owner)
            known = body.entities.get(key)
            if known is not None:
                known.count += 1
                known.name = min((known.first, known.name), (time, name))[1]
                known.first, known.last = min(known.first, time), max(known.last, time)
            else:
                body.entities[key] = Sighting(name, time, time)
        ties = links_of(subject, self.rule.id, self.rule.level, device or f"in {match.file}")
        # What a correlation counts may last for hours: that it went on at the same time says nothing.
        self.links.update(link for link in ties if self.chain is None or link[0] is not Tie.NEAR)
        if self.chain is not None:
            self.links.add(moment(device, time))
        elif self.rule.level.rank >= Level.HIGH.rank:
            self.links.update((moment(device, time), moment(device, time, -1)))
        if len(body.entities) > 2 * KEPT * len(EntityKind):
            body.entities = {key: body.entities[key] for key in _least(body.entities)}
        if len(self.links) > 2 * KEPT * len(Tie):
            self.links = set(_least(self.links))

    def process(self, processes: Processes) -> ProcessStart | None:
        """Return the start of the process that it stands in, None where that was not seen."""
        return processes.find(self.device, self.subject.guid, self.subject.pid, self.first)


class Gist(NamedTuple):
    """What a match says to triage: who did it, the unit that it falls into, what tells its event from others there."""

    subject: Subject
    key: UnitKey
    identity: int


class Gists:
    """The gists of matches; one event that stands in many files, its fields the very same objects, is read once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._time = -1
        self._known: dict[tuple[str, int, int], tuple[Match, Gist]] = {}
        self._known_chars = 0

    def of(self, match: Match, time: int) -> Gist:
        """Return the gist of a match at this time."""
        if time != self._time or self._known_chars > KNOWN_CHARS:
            self._time, self._known_chars = time, 0
            self._known.clear()
        place = match.rule.id, id(match.subject), id(match.fields)
        former, gist = self._known.get(place, (None, None))
        if gist is not None and former is not None and _header(former) == _header(match):
            return gist
        subject, frozen = subject_of(match), _frozen(match)
        gist = Gist(subject, unit_key(match, time, subject), hash((time, match.channel, match.record_id, frozen)))
        self._known[place] = match, gist  # with the match, whose fields must live as long as they are known by id
        self._known_chars += sum(len(text) for _, text in frozen) + GIST_CHARS
        return gist


def unit_key(match: Match, time: int, subject: Subject) -> UnitKey:
    """Return what matches of one unit have in common."""
    process = subject.guid or (f"{subject.pid} {subject.image}" if subject.pid else subject.image) or ""
    actor = subject.accounts[0].lower() if subject.accounts else ""
    return match.rule.id, match.device or "", process, actor, str(time // HOUR)


def entities_of(subject: Subject, device: str) -> Iterator[tuple[EntityKind, str, str | None]]:
    """Yield who and what an event names: kind, name, and its device where it is one device's."""
    if subject.image:
        yield EntityKind.PROCESS, subject.image, device
    for account in subject.accounts:
        if is_person(account):
            yield EntityKind.ACCOUNT, account, device if is_local(account, device) else None
    for path in subject.files:
        yield EntityKind.FILE, path, device
    if subject.hash:
        yield EntityKind.HASH, subject.hash, None
    if subject.service:
        yield EntityKind.SERVICE, subject.service, device
    for address in dict.fromkeys((subject.source, subject.destination)):
        telling = telling_address(address)
        if telling:
            yield EntityKind.ADDRESS, telling, None


def birth(match: Match) -> tuple[int, str, str, str]:
    """Return what tells the earliest of matches: time, device, rule and the event itself, not the file it stands in."""
    rest = f"{match.channel}\0{match.record_id}\0{sorted(_frozen(match))}"
    return match.time or 0, match.device or "", match.rule.id, rest


def incident_id(match: Match) -> str:
    """Return the id of the incident that this is the earliest match of: 16 hexadecimal digits."""
    text = "\0".join(map(str, birth(match)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def earliest(matches: Sequence[Match]) -> Match:
    """Return the earliest of matches, the same whatever their order."""
    first = min(match.time or 0 for match in matches)
    same = [match for match in matches if (match.time or 0) == first]
    if all(match is same[0] for match in same):
        return same[0]
    return min(same, key=lambda match: (birth(match), *_place(match)))


def first_of(units: Sequence[Unit]) -> Match:
    """Return the earliest match of units, the same whatever their order."""
    first = min(unit.origin for unit in units)
    return earliest([unit.body.sample for unit in units if unit.origin == first])


def chain_unit(chain: CorrelationMatch, members: Sequence[Match]) -> Unit:
    """Return the unit of a correlation. `members` those of its events that are at hand, in time order, at least one."""
    first = replace(members[0], carried={})  # one object for as long as it is open: who compares it is quick
    key = ("correlation", chain.rule.id, str(chain.start), str(chain.end), first.device or "", repr(chain.group))
    unit = Unit(key, chain.rule, first.device or "", chain.start, chain.end, subject_of(first), Body(first), chain)
    unit.count = unit.version = len(chain.members)
    for member in members[:MEMBERS_MET]:
        unit.meet(member, member.time or chain.start, subject_of(member))
        unit.links.add(member_link(member.file, member.position))
    return unit


def _opened(content: bytes, rule: RuleHead) -> Body:
    """Return the body that was written of a unit of this rule."""
    try:
        body = _BODY.decode(content)
    except (MsgspecError, ValueError, RecursionError) as fault:  # a text that is none is a ValueError of its own
        raise Damaged(f"its body: {fault}") from fault
    if body.sample.rule == OWN:
        force_setattr(body.sample, "rule", rule)  # nobody else has it yet, and a copy costs as much as reading it
    return body


def _least(keys: Iterable[_Kinded]) -> list[_Kinded]:
    """Return the least KEPT of each kind: the same whatever order they came in."""
    kinds: dict[str, list[_Kinded]] = {}
    for key in keys:
        kinds.setdefault(key[0], []).append(key)
    return [key for group in kinds.values() for key in sorted(group, key=repr)[:KEPT]]


def member_link(file: str, position: int) -> Link:
    """Return the link between an event's own matches and the correlations it is part of."""
    return Tie.MEMBER, "", f"{file}:{position}"


def _header(match: Match) -> tuple[object, ...]:
    return match.device, match.channel, match.event_id, match.record_id


def _place(match: Match) -> tuple[str, int]:
    return match.file, match.position


def _frozen(match: Match) -> frozenset[tuple[str, str]]:
    return frozenset((name, repr(value)) for name, value in (match.subject | match.fields).items())
