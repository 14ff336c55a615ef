"""Matches become incidents: what is tied by process, logon, account, address, file or service belongs together.

Theory. Every match falls into a unit (rule, device, process, account, hour). A unit shows
links (links.py); two units with a link in common whose times lie no further apart than the
link's gap are one incident, and so is whatever hangs together by such pairs. Units, links
and the table of processes are sets that do not depend on the order of arrival, and
incidents are made anew from them each time: so the result does not depend on it either.

No gap is longer than a day. An incident whose last match lies two days behind the newest
can therefore gain nothing from matches that come up to a day late: it is settled, told for
the last time and forgotten here. What comes later still is an incident of its own, marked late.

Live, the hub's clock has a word too: what lies ahead of it makes nothing else old, and what came less than two days
ago is not settled, however long ago it happened. A device that was away for a month, or whose clock is years behind,
makes no incident of each match.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from carecordon.model.errors import defect
from carecordon.model.incident import Incident
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, Unseen
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.links import HOUR
from carecordon.pipeline.triage.parts import parts_of
from carecordon.pipeline.triage.processes import Processes
from carecordon.pipeline.triage.records import INCIDENT, MEMBER, UNIT, Kept, Key, member_key, start_key, written
from carecordon.pipeline.triage.records import unit_key as record_key
from carecordon.pipeline.triage.score import Estate, rarity
from carecordon.pipeline.triage.subject import subject_of
from carecordon.pipeline.triage.tell import tell
from carecordon.pipeline.triage.unit import (
    Unit,
    UnitKey,
    birth,
    chain_unit,
    earliest,
    incident_id,
    member_link,
    unit_key,
)

HORIZON_NS = 24 * HOUR
"""How late a match may come and still change nothing but what it ought to."""
MEMBERS_KEPT = 50_000
"""Events remembered because a correlation may come to be made of them."""
SETTLE_NS = 1_000_000_000
"""How long changes may wait before incidents are looked at again, and by how much longer for each open unit."""
SETTLE_UNIT_NS = 250_000
UNITS_KEPT = 100_000
"""Units open at a time; beyond, the oldest incidents are told as they are and settled."""


@dataclass(frozen=True, slots=True)
class _Told:
    """An incident as it was last told, and what it was made from: made from the same, it is the same."""

    state: object
    incident: Incident


class Grouper:
    """The state of all open incidents: feed it, then take what has changed."""

    def __init__(
        self, correlated: frozenset[str] = frozenset(), estate: Estate | None = None, *, is_kept: bool = False
    ) -> None:
        """`correlated` are the ids of rules that correlations refer to; `estate` what is known of the devices.

        `is_kept`: somebody asks for `changes`, and writes them.
        """
        self._is_kept = is_kept
        self.estate = estate or Estate()
        self.now: int | None = None
        """The hub's clock (UTC ns) where matches come as they happen; None: event time is all there is."""
        self.processes = Processes()
        self._correlated = correlated
        self._units: dict[UnitKey, Unit] = {}
        self._members: OrderedDict[tuple[str, int], Match] = OrderedDict()
        self._newest = -(1 << 80)
        self._reached: dict[str, set[str]] = {}
        self._fresh = 0
        self._is_stale = False
        self._settled_at = 0
        self._told: dict[str, _Told] = {}
        self._ids: dict[int, tuple[Match, str]] = {}
        """The earliest match of each part, by its `id()`, and the incident's id that is made from it."""
        self._changed: set[Key] = set()
        self._starts: dict[Key, ProcessStart | None] = {}
        """Changed records of processes: what is in them, None for those that are gone."""
        self._came: dict[tuple[str, int], int] = {}
        """When members came that came late (UTC ns, the hub's clock)."""
        self._aliases: dict[str, frozenset[str]] = {}
        self._tally: Counter[tuple[Unseen, str]] = Counter()

    def feed(
        self,
        matches: Iterable[Match] = (),
        starts: Iterable[ProcessStart] = (),
        correlations: Iterable[CorrelationMatch] = (),
    ) -> None:
        """Take in what was found and which processes started, in any order."""
        for start in starts:
            self._is_stale = True
            if self._is_kept:
                self._starts[start_key(start)] = start
            self._forget(self.processes.add(start))
        for match in matches:
            self._take(match)
        for chain in correlations:
            self._take_chain(chain)

    def is_due(self, now: int) -> bool:
        """Return whether to settle: something came, and time (`now`, ns) has gone by, or half of what is there is new.

        It is a second, and more the more is open, so that looking takes no more than a fifth of it.
        """
        if not self._is_stale:
            return False
        wait = SETTLE_NS + len(self._units) * SETTLE_UNIT_NS
        if 0 <= now - self._settled_at < wait and self._fresh * 2 < len(self._units):
            return False
        self._settled_at = now
        return True

    def settle(self) -> list[Incident]:
        """Return the incidents that are new or changed since they were last told; forget those that are settled."""
        self._fresh = 0
        self._is_stale = False
        over = self._reach - 2 * HORIZON_NS
        crowd = len(self._units) - UNITS_KEPT
        spread = self.spread()
        parts = sorted(parts_of(self._units.values(), self.processes), key=self._end)
        names = self._names(parts)
        current = set(filter(None, names))
        told: dict[str, _Told] = {}
        changed: list[Incident] = []
        if crowd > 0:
            self._tally[Unseen.RECORD, "incidents: more is open than can be held together, the oldest told early"] += (
                crowd
            )
        for units, name in zip(parts, names, strict=True):
            if name is not None:
                before = self._told.get(name)
                try:
                    told[name] = self._tell(name, units, spread, current)
                except Exception as fault:
                    if not self._is_kept:
                        raise
                    self._tally[Unseen.RECORD, f"incidents: one cannot be told: {defect(fault)}"] += 1
                else:
                    if before is not told[name]:
                        changed.append(told[name].incident)
            if self._end(units) < over or self._is_ahead(units) or crowd > 0:
                crowd -= len(units)
                told.pop(name or "", None)
                for unit in units:
                    del self._units[unit.key]
                    self._note(record_key(unit))
        self._told = told
        before_ids = self._aliases
        self._aliases = {name: frozenset(one.incident.aliases) for name, one in told.items()}
        for name, _ in before_ids.items() ^ self._aliases.items():
            self._note((INCIDENT, name))
        needed = (self._start_of(unit) for unit in self._units.values())
        self._forget(self.processes.forget_before(over, [start for start in needed if start is not None]))
        for place in [place for place, match in self._members.items() if self._is_over(place, match, over)]:
            del self._members[place]
            self._came.pop(place, None)
            self._note(member_key(place))
        return changed

    def changes(self) -> dict[Key, bytes | None]:
        """Return the records that have changed since they were last asked for; None for those that are gone."""
        changed, self._changed = self._changed, set()
        starts, self._starts = self._starts, {}
        found = {key: self._record(key) for key in changed}
        found |= {key: None if start is None else written(start) for key, start in starts.items()}
        return dict(sorted(found.items()))

    def restore(self, kept: Kept) -> list[Match]:
        """Take up the state that these records are; return the events of correlations, in time order."""
        self._units.update(kept.units)
        self._members.update(sorted(kept.members.items(), key=lambda item: item[1].time or 0))
        self._aliases.update(kept.aliases)
        self.feed(starts=kept.starts)
        self._newest = max([self._newest, *(unit.last for unit in self._units.values())])
        late = self._newest - HORIZON_NS
        self._came = {place: self._newest for place, match in self._members.items() if (match.time or 0) < late}
        self._changed.clear()
        self._starts.clear()
        return list(self._members.values())

    def _note(self, key: Key) -> None:
        if self._is_kept:
            self._changed.add(key)

    def _record(self, key: Key) -> bytes | None:
        kind, *name = key
        item: Unit | Match | frozenset[str] | None
        if kind == UNIT:
            item = self._units.get(tuple(name))
        elif kind == MEMBER:
            item = self._members.get((name[0], int(name[1])))
        else:
            item = self._aliases.get(name[0])
        return None if item is None else written(item)

    def _forget(self, starts: Iterable[ProcessStart]) -> None:
        if self._is_kept:
            self._starts.update((start_key(start), None) for start in starts)

    def unseen(self) -> list[BlindSpot]:
        """Return what could not take part so far, with reasons and counts."""
        spots = [BlindSpot(kind, reason, count=number) for (kind, reason), number in sorted(self._tally.items())]
        if self.processes.forgotten:
            reason = "incidents: more processes on a device than are remembered, the oldest forgotten"
            spots.append(BlindSpot(Unseen.RECORD, reason, count=self.processes.forgotten))
        return spots

    def _take(self, match: Match) -> None:
        self._is_stale = True
        time = match.time
        if time is None:
            if not match.rule.is_silent:
                self._tally[Unseen.CLOCK, "incidents: match without a time that can be read"] += 1
            return
        is_member = match.rule.id in self._correlated
        if is_member:
            self._keep_member(match if self._is_kept else replace(match, carried={}))
            if self.now is not None and time < self._reach - HORIZON_NS:
                self._came[match.file, match.position] = self.now
            self._note(member_key((match.file, match.position)))
            if len(self._members) > MEMBERS_KEPT:
                place, _ = self._members.popitem(last=False)
                self._came.pop(place, None)
                self._note(member_key(place))
        if match.rule.is_silent:
            return
        match = replace(match, carried={})  # whole events are read again where they are told
        subject = subject_of(match)
        key = unit_key(match, time, subject)
        unit = self._units.get(key)
        if unit is None:
            unit = self._units[key] = Unit(key, match.rule, match.device or "", time, time, match, subject)
            self._fresh += 1
        unit.add(match, time, subject)
        if is_member:
            unit.links.add(member_link(match.file, match.position))
        self._note(record_key(unit))
        unit.is_late |= time < self._reach - HORIZON_NS
        unit.touched = self.now or 0
        self._newest = max(self._newest, time)

    @property
    def _reach(self) -> int:
        """Return how far event time has come: a clock that was ahead, a device's or the hub's, does not count."""
        return self._newest if self.now is None else min(self._newest, self.now)

    def _end(self, units: Sequence[Unit]) -> int:
        """Return when something happened or, live, was added last."""
        last = max(unit.last for unit in units)
        if self.now is None:
            return last
        return max([last, *(unit.touched for unit in units if unit.touched <= self.now)])

    def _is_ahead(self, units: Sequence[Unit]) -> bool:
        """Return whether all of it lies where the hub's clock was once and is no more: nothing will be added to it."""
        return self.now is not None and min(unit.first for unit in units) > self.now + HORIZON_NS

    def _is_over(self, place: tuple[str, int], match: Match, over: int) -> bool:
        time = match.time or 0
        return max(time, self._came.get(place, 0)) < over or (self.now is not None and time > self.now + HORIZON_NS)

    def _keep_member(self, match: Match) -> None:
        """Remember an event of correlations, as one rule's match of it: the same, whatever order they come in."""
        known = self._members.get((match.file, match.position))
        self._members[match.file, match.position] = match if known is None else min(known, match, key=birth)

    def _take_chain(self, chain: CorrelationMatch) -> None:
        self._is_stale = True
        members = [self._members[place] for place in chain.members if place in self._members]
        if not members:
            self._tally[Unseen.RECORD, f"incidents: the events of correlation '{chain.rule.title}' are forgotten"] += 1
            return
        members.sort(key=lambda match: (match.time or 0, match.file, match.position))
        unit = chain_unit(chain, members)
        unit.touched = self.now or 0
        self._units[unit.key] = unit
        self._note(record_key(unit))

    def _names(self, parts: Sequence[Sequence[Unit]]) -> list[str | None]:
        """Return the ids of the incidents that these parts are; None where nothing in one has weight."""
        before, self._ids = self._ids, {}
        names: list[str | None] = []
        for units in parts:
            if all(unit.rule.level.rank == 0 for unit in units):
                names.append(None)
                continue
            first = earliest([unit.sample for unit in units])
            known = before.get(id(first))
            name = known[1] if known is not None and known[0] is first else incident_id(first)
            self._ids[id(first)] = first, name
            names.append(name)
        return names

    def _state_of(self, units: list[Unit], spread: Mapping[str, int]) -> object:
        """Return what an incident of these units is made from: equal states are told alike.

        Of how many devices a rule matched on, only the points count: else one match would change all incidents.
        """
        parts = tuple((unit.key, unit.version) for unit in units)
        devices = sorted({device for unit in units for device in unit.devices})
        rare = rarity(min(spread[unit.rule.id] for unit in units), self.estate.devices).points
        return self.estate.assets, rare, parts, tuple(self.processes.version(device) for device in devices)

    def _tell(self, name: str, units: list[Unit], spread: Mapping[str, int], current: set[str]) -> _Told:
        """Return the incident of this id, the one told before if nothing has changed; `current` ids are no aliases."""
        state = self._state_of(units, spread)
        known = self._told.get(name)
        if known is not None and known.state == state:
            return known
        former = {unit.incident for unit in units} | {name}
        aliases = frozenset().union(former, *(self._aliases.get(one, ()) for one in former)) - current - {""}
        for unit in units:
            if unit.incident != name:
                unit.incident = name
                self._note(record_key(unit))
        incident = tell(name, tuple(sorted(aliases)), units, self.processes, spread, self.estate)
        return _Told(state, incident)

    def _start_of(self, unit: Unit) -> ProcessStart | None:
        told = unit.subject
        return self.processes.find(unit.device, told.guid, told.pid, unit.first)

    def spread(self) -> Mapping[str, int]:
        """Return on how many devices each rule has matched so far; of what is kept, in what is open."""
        reached = {} if self._is_kept else self._reached
        for unit in self._units.values():
            reached.setdefault(unit.rule.id, set()).update(unit.devices)
        return {rule: len(names) for rule, names in reached.items()}
