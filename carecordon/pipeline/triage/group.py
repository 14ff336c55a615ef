"""Matches become incidents: what is tied by process, logon, account, address, file or service belongs together.

Theory. Every match falls into a unit (rule, device, process, account, hour). A unit shows
links (links.py); two units with a link in common whose times lie no further apart than the
link's gap are one incident, and so is whatever hangs together by such pairs (parts.py). Units,
links and the table of processes are sets that do not depend on the order of arrival, and what
a change can reach is made anew from them: so the result does not depend on it either.

No gap is longer than a day. An incident whose last match lies two days behind the newest
can therefore gain nothing from matches that come up to a day late: it is settled, told for
the last time and forgotten here. What comes later still is an incident of its own, marked late.

Live, the hub's clock has a word too: what lies ahead of it makes nothing else old, and what came less than two days
ago is not settled, however long ago it happened. A device that was away for a month, or whose clock is years behind,
makes no incident of each match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from carecordon.model.errors import OurFault, defect
from carecordon.model.incident import Incident
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, Unseen
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.changes import Changes
from carecordon.pipeline.triage.digests import digest
from carecordon.pipeline.triage.links import HORIZON_NS
from carecordon.pipeline.triage.members import Counted, Members
from carecordon.pipeline.triage.parts import Part, Parts
from carecordon.pipeline.triage.processes import Processes
from carecordon.pipeline.triage.records import (
    INCIDENT,
    MEMBER,
    RULE,
    TOLD,
    UNIT,
    UNTOLD,
    Item,
    Kept,
    Key,
    member_key,
    member_named,
    untold_key,
)
from carecordon.pipeline.triage.records import unit_key as record_key
from carecordon.pipeline.triage.score import Estate, rarity
from carecordon.pipeline.triage.spread import Spread
from carecordon.pipeline.triage.tell import tell
from carecordon.pipeline.triage.unchanged import AsTold, Told, Unchanged
from carecordon.pipeline.triage.unit import Body, Damaged, Gists, Unit, UnitKey, chain_unit, member_link

SETTLE_NS = 1_000_000_000
"""How long changes may wait before incidents are looked at again, and how much longer for each unit that was."""
SETTLE_UNIT_NS = 1_000_000
SWEPT = 10
"""So many units are gone through, where room must be made, for what it costs to look at one."""
SWEEP_NS = 60_000_000_000
"""Time between two looks for what is settled."""
UNITS_KEPT = 60_000
"""Units open at a time; beyond, the oldest incidents are told as they are and settled."""
CROWDED = "incidents: more is open than can be held together, the oldest told early"


class Grouper:
    """The state of all open incidents: feed it, then take what has changed."""

    def __init__(
        self,
        correlated: frozenset[str] = frozenset(),
        estate: Estate | None = None,
        *,
        is_kept: bool = False,
        teller: str = "",
        counted: Counted = frozenset,
        lasting: AbstractSet[str] = frozenset(),
    ) -> None:
        """`correlated` are the ids of rules that correlations refer to; `estate` what is known of the devices.

        `is_kept`: somebody asks for `changes`, and writes them; `teller` is another text whenever incidents that are
        open are to be told once more. `counted` and `lasting`: what is remembered of those matches, see Members.
        """
        self._changes = Changes(is_kept=is_kept)
        self.estate = estate or Estate()
        self.now: int | None = None
        """The hub's clock (UTC ns) where matches come as they happen; None: event time is all there is."""
        self.processes = Processes()
        self._correlated = correlated
        self._units: dict[UnitKey, Unit] = {}
        self._members = Members(counted, lasting)
        self._newest = -(1 << 80)
        self._parts = Parts(self.processes)
        self._gists = Gists()
        self._spread = Spread(forgets=is_kept)
        self._unchanged = Unchanged(self.estate, teller)
        self._fresh = self.looked_at = 0
        """Units that are new since the last look, and those of the incidents that it looked at."""
        self._is_stale = False
        self._settled_at = 0
        self._swept = -(1 << 80)
        self._told: dict[str, Told] = {}
        self._as_told: dict[str, AsTold] = {}
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
            self._note_processes((start,))
            self._note_processes(self.processes.add(start), are_gone=True)
        for match in matches:
            self._take(match)
        for chain in correlations:
            self._take_chain(chain)

    def is_due(self, now: int) -> bool:
        """Return whether to settle: something came, and time (`now`, ns) has gone by, or half of what is there is new.

        It is a second, and more the more was looked at last, so that looking takes no more than a fifth of it.
        """
        due = self.due
        if due is None or (self._settled_at <= now < due and self._fresh * 2 < len(self._units)):
            return False
        self._settled_at = now
        return True

    @property
    def due(self) -> int | None:
        """Return when to settle if nothing more comes, on the clock that `is_due` is asked by; None: not at all."""
        return self._settled_at + SETTLE_NS + self.looked_at * SETTLE_UNIT_NS if self._is_stale else None

    def settle(self) -> list[Incident]:
        """Return the incidents that are new or changed since they were last told; forget those that are settled."""
        self._fresh = 0
        self._is_stale = False
        spread = self.spread()
        gone, parts = self._parts.look()
        self._changes.moved(self._parts.moved)
        parts += self._counted_otherwise(spread, {id(part) for part in parts})
        self.looked_at = sum(len(part.units) for part in parts)
        changed: list[Incident] = []
        for part in sorted(parts, key=self._order):
            if part.name is None or self._stands(part):
                continue
            before = self._told.pop(part.name, None)
            try:
                told, incident = self._tell(part.name, part.units, spread, before)
            except Exception as fault:  # one incident must not keep the others from being told; a scan says so
                if isinstance(fault, (Damaged, OSError)) or not self._changes.is_kept:
                    raise
                self._tally[Unseen.RECORD, f"incidents: one cannot be told: {defect(fault)}"] += 1
                if before is not None:
                    self._told[part.name] = before
                self._parts.touch(part.units[0])  # it is tried again when something comes
                self._stir(device for unit in part.units for device in unit.devices)
                continue
            self._told[part.name], part.asked = told, told.asked
            if incident is not None:
                changed.append(incident)
        for part in gone:
            if part.name is not None and part.name not in self._parts.names:
                self._told.pop(part.name, None)
        self._sweep()
        for name in {part.name for part in (*gone, *parts) if part.name is not None}:
            self._name(name)
        return changed

    def _stands(self, part: Part) -> bool:
        """Return whether an incident was told as it is, by the process before this one."""
        return part.name not in self._told and self._unchanged.holds(part.units, self._as_told.get(part.name or ""))

    def _counted_otherwise(self, spread: Mapping[str, int], looked_at: AbstractSet[int]) -> list[Part]:
        """Return the parts that count otherwise now: with a rule that has become more common, or other assets."""
        before = self._unchanged.record
        other = self._unchanged.look(spread, self.estate)
        if before != self._unchanged.record:
            self._changes.note((TOLD,))
        for device in self._unchanged.looked_at:
            self._changes.note(untold_key(device))
        return [
            part
            for part in (self._parts if other is None or other else ())
            if id(part) not in looked_at and (other is None or any(unit.rule.id in other for unit in part.units))
        ]

    def _sweep(self) -> None:
        """Forget what is settled; where more is open than can be held, what is no incident first, then the oldest."""
        over = self._reach - 2 * HORIZON_NS
        for member in self._members.forget(over, self.now):
            self._changes.note(member_key(member))
        crowd = len(self._units) - UNITS_KEPT
        if crowd > 0:
            self._tally[Unseen.RECORD, CROWDED] += crowd
            crowd += UNITS_KEPT // 4  # room for some looks to come: each time all that is open is gone through
            self.looked_at += len(self._units) // SWEPT
        elif self._changes.is_kept and abs(over - self._swept) < SWEEP_NS:
            return
        self._swept = over
        parts = list(self._parts)
        if crowd > 0:
            parts.sort(key=lambda part: (part.name is not None, self._order(part)))
        for part in parts:
            if part.end(self.now) < over or part.is_ahead(self.now) or crowd > 0:
                crowd -= len(part.units)
                self._settle_part(part)
        for name in self._as_told.keys() - self._parts.names:
            self._name(name)
        needed = (unit.process(self.processes) for unit in self._units.values())
        self._note_processes(self.processes.forget_before(over, filter(None, needed)), are_gone=True)

    def _settle_part(self, part: Part) -> None:
        self._parts.drop(part)
        self._told.pop(part.name or "", None)
        for unit in part.units:
            del self._units[unit.key]
            self._spread.take_out(unit)
            self._changes.note(record_key(unit))

    def _name(self, name: str) -> None:
        """Keep how an incident was told last, or nothing where it is no more."""
        told = self._told.get(name)
        if told is None and name in self._parts.names:
            return  # it stands as it was told
        before = self._as_told.pop(name, None)
        if told is not None:
            self._as_told[name] = told.as_told
        if before != self._as_told.get(name):
            self._changes.note((INCIDENT, name))

    def changes(self) -> dict[Key, bytes | None]:
        """Return the records that have changed since they were last asked for; None for those that are gone."""
        return self._changes.take(self._item)

    def restore(self, kept: Kept) -> list[Match]:
        """Take up the state that these records are; return the events of correlations, in time order."""
        self._changes.resume(kept)
        self._unchanged.resume(kept.told, kept.untold)
        for key, unit in kept.units.items():
            self._units[key] = unit
            self._spread.put(unit)
            self._parts.take_up(unit, stands=self._unchanged.goes_on and unit.device not in kept.untold)
        self._as_told.update(kept.incidents)
        gone = self.processes.fill(kept.starts) if kept.asleep is None else self.processes.sleep(kept.asleep)
        self._is_stale = bool(self._units)  # what was written may not have been told
        self._newest = max([self._newest, *(unit.last for unit in self._units.values())])
        members = self._members.restore(kept.members)
        self._note_processes(gone, are_gone=True)
        return members

    def _item(self, key: Key) -> Item | None:
        match key:
            case (kind, *name) if kind == UNIT:
                return self._units.get(tuple(name))
            case (kind, *_) if kind == MEMBER:
                return self._members.get(member_named(key))
            case (kind, name) if kind == INCIDENT:
                return self._as_told.get(name)
            case (kind, device) if kind == UNTOLD:
                return self._unchanged.is_untold(device) or None
            case (kind,) if kind == TOLD:
                return self._unchanged.record
            case (kind, _) if kind == RULE:
                return None  # one that nothing names any more
            case _:
                raise OurFault(f"triage noted a change of {key}, of which there is no record")

    def _note_processes(self, starts: Iterable[ProcessStart], *, are_gone: bool = False) -> None:
        for start in starts:
            self._parts.stir(start)
            self._stir((start.device,))
            self._changes.started(start, is_gone=are_gone)

    def _stir(self, devices: Iterable[str]) -> None:
        if self._changes.is_kept:
            for device in self._unchanged.stir(devices):
                self._changes.note(untold_key(device))

    def untell(self, incidents: Iterable[Incident]) -> None:
        """Note that these reached nobody: they are told again with what comes next, or by the next process."""
        for part in filter(None, (self._parts.named(one.id) for one in incidents)):
            self._told.pop(part.name or "", None)
            self._parts.touch(part.units[0])
            self._stir(device for unit in part.units for device in unit.devices)

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
        head = self._changes.heads.one(match.rule)
        if head is not match.rule:
            match = replace(match, rule=head)
        is_member = match.rule.id in self._correlated
        if is_member:
            member = match if self._changes.is_kept else replace(match, carried={})
            for other in self._members.add(member):
                self._changes.note(member_key(other))
        if match.rule.is_silent:
            return
        self._stir((match.device or "",))
        match = replace(match, carried={})  # whole events are read again where they are told
        gist = self._gists.of(match, time)
        known = self._units.get(gist.key)
        unit = known or Unit(gist.key, match.rule, match.device or "", time, time, gist.subject, Body(match))
        unit.add(match, time, gist)
        if is_member:
            unit.links.add(member_link(match.file, match.position))
        if known is None:
            self._put(gist.key, unit)
            self._fresh += 1
        else:
            self._parts.touch(unit)
        self._changes.note(record_key(unit))
        unit.is_late |= time < self._reach - HORIZON_NS
        unit.touched = self.now or 0
        self._newest = max(self._newest, time)

    @property
    def _reach(self) -> int:
        """Return how far event time has come: a clock that was ahead, a device's or the hub's, does not count."""
        return self._newest if self.now is None else min(self._newest, self.now)

    def _order(self, part: Part) -> tuple[int, int, UnitKey]:
        """Return what parts are told in the order of."""
        return part.end(self.now), part.units[0].first, part.units[0].key

    def _take_chain(self, chain: CorrelationMatch) -> None:
        self._is_stale = True
        members = self._members.at(chain.members)
        if not members:
            self._tally[Unseen.RECORD, f"incidents: the events of correlation '{chain.rule.title}' are forgotten"] += 1
            return
        unit = chain_unit(chain, members)
        former = self._units.get(unit.key)
        self._stir(unit.devices if former is None else unit.devices | former.devices)
        unit.touched = self.now or 0
        self._put(unit.key, unit)
        self._changes.note(record_key(unit))

    def _put(self, key: UnitKey, unit: Unit) -> None:
        """Let a unit be the one of its key."""
        before = self._units.get(key)
        if before is not None:
            self._spread.take_out(before)
        self._units[key] = unit
        self._spread.put(unit)
        self._parts.touch(unit)

    def _state_of(self, units: list[Unit], spread: Mapping[str, int]) -> object:
        """Return what an incident of these units is made from: equal states are told alike.

        Of how many devices a rule matched on, only the points count: else one match would change all incidents.
        """
        parts = tuple((unit.key, unit.version) for unit in units)
        devices = sorted({device for unit in units for device in unit.devices})
        rare = rarity(min(spread[unit.rule.id] for unit in units), self.estate.devices).points
        return self.estate.assets, rare, parts, tuple(self.processes.version(device) for device in devices)

    def _tell(
        self, name: str, units: list[Unit], spread: Mapping[str, int], known: Told | None
    ) -> tuple[Told, Incident | None]:
        """Return how the incident of this id is told now, and the incident where that is not as before (`known`)."""
        state = self._state_of(units, spread)
        if known is not None and known.state == state:
            return known, None
        former = {unit.incident for unit in units} | {name}
        aliases = former.union(*(self._as_told[one].aliases for one in former if one in self._as_told)) - {""}
        for unit in units:
            if unit.incident != name:
                unit.incident = name
                self._changes.note(record_key(unit))
        others = tuple(sorted(alias for alias in aliases if alias not in self._parts.names))
        with self.processes.listening() as asked:
            incident = tell(name, others, units, self.processes, spread, self.estate)
        told = Told(state, digest(incident), AsTold(len(units), frozenset(others)), tuple(asked))
        return told, None if known is not None and known.digest == told.digest else incident

    def spread(self) -> Mapping[str, int]:
        """Return on how many devices each rule has matched so far; of what is kept, in what is open."""
        return self._spread.devices()
