"""Triage of one organisation: what was found becomes incidents, notices and troubles, each step one commit.

One match that nothing can work on is set aside with the part that it came in, the rest goes on; so is a record of the
state that cannot be read. Positions in the register go on where the log that stream 2 lies in was made anew: `base` is
where the log's own count begins there, and is kept with the log's epoch.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from carecordon.hub.collector import at_rest
from carecordon.hub.news import found as stream2
from carecordon.hub.news.found import Found
from carecordon.hub.triage.blindness import Blindness
from carecordon.hub.triage.sleeping import SleepingStarts
from carecordon.model.effect import Effect, Keep
from carecordon.model.errors import TheirFault, defect
from carecordon.model.incident import Incident
from carecordon.model.kept import Commit, Letter, ToldIncident, Trouble
from carecordon.model.match import Match
from carecordon.model.notice import NewNotice
from carecordon.model.process import ProcessStart
from carecordon.model.stream import Entry
from carecordon.notify.compose import Texts
from carecordon.notify.teller import Teller
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.ir import Abridged, RuleSet
from carecordon.pipeline.triage.alike import Alike
from carecordon.pipeline.triage.records import START, STARTS, Kept, Key, member_key, untold_key
from carecordon.pipeline.triage.score import Estate
from carecordon.pipeline.triage.subject import subject_of
from carecordon.pipeline.triage.unit import Damaged
from carecordon.register.identity import AlertMemory, told
from carecordon.register.register import Cases
from carecordon.report.story.samples import sample_events
from carecordon.report.story.tell import tell_story
from carecordon.report.story.words import Words

SECOND = 1_000_000_000
HORIZON_NS = 60 * SECOND
"""How much later than others a match may come and still be counted by correlations together with theirs."""
AHEAD_NS = 60 * SECOND
"""How far ahead of the hub's clock a match may lie; beyond, the clock was ahead when it came, and is right now."""
_Item = TypeVar("_Item", Match, ProcessStart)
REPEATED_KEPT = 10_000
TROUBLES_READ = 10_000
NAMED_RECORDS = 10
"""So many records that cannot be used for one reason are told one by one; more are one trouble."""
STREAM: Key = ("stream",)
"""The record of which log stream 2 lies in, and where its count begins in ours."""


@dataclass(frozen=True, slots=True)
class Office:
    """Whose hub it is, and how it tells people: what is due, and in which words."""

    ods: str
    teller: Teller
    words: Words
    program: str = ""
    """Another text for a program that tells incidents otherwise."""

    @property
    def stamp(self) -> str:
        """Return another text whenever incidents that are open are to be told once more."""
        return "\n".join([self.program, self.ods, self.teller.least.value, *sorted(self.teller.receivers)])


@dataclass(slots=True)
class _Step:
    """What one step leaves behind."""

    records: dict[Key, bytes | None] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    told: list[ToldIncident] = field(default_factory=list)
    notices: list[NewNotice] = field(default_factory=list)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    newest: int | None = None
    matches: int = 0
    starts: int = 0


class Desk:
    """The one place where incidents are made. Not to be had twice over one register: `commit` would refuse."""

    def __init__(
        self,
        cases: Cases,
        rules: RuleSet | Abridged,
        estate: Estate,
        office: Office,
        epoch: int | None = None,
        now: int | None = None,
    ) -> None:
        """Take up the state where the register has it; `epoch` that of the log that stream 2 lies in.

        `now` (UTC ns): what is written of later was written by a clock that was ahead.
        """
        self._cases = cases
        self._office = office
        self._rules = rules
        self._estate = estate
        self._aside = _Step()
        """What is to be written with the next step."""
        self._latest = now
        self._blindness = Blindness()
        self._blindness.resume(cases.troubles(limit=TROUBLES_READ), now or 0)
        self._alerts = AlertMemory()
        self._alike = Alike()
        self.repeated: OrderedDict[str, int] = OrderedDict()
        """When troubles that are over by themselves last came (UTC ns), the last ones."""
        self._register_position = cases.position()
        self._base = 0
        self.figures: dict[str, float] = dict.fromkeys(("matches_total", "starts_total", "incidents_total"), 0)
        self._state = self._resumed(is_first=True, opens=False)
        if epoch is not None:
            self._take_up(epoch)

    @property
    def position(self) -> int:
        """Return the position in the log up to which everything is in the register."""
        return self._register_position - self._base

    @property
    def due(self) -> int | None:
        """Return when a turn is to be taken though nothing comes (UTC ns); None where none need be."""
        return journey.triage_due(self._state)

    def begin_anew(self, epoch: int, why: str) -> None:
        """Read the log from its beginning: it is not the one that was read before. Written with the next step."""
        self._base = self._register_position
        self._aside.records[STREAM] = msgspec.msgpack.encode((epoch, self._base))
        text = f"what workers found is kept in a log that is not the one before ({why}): it is read from its beginning"
        key = f"damage/stream-2/{epoch}"
        self._aside.troubles[key] = Trouble(key, "damage", None, text, self._latest or 0)

    def change_rules(self, rules: RuleSet | Abridged, estate: Estate) -> None:
        """Go on with other rules; what is open stays open."""
        self._rules, self._estate = rules, estate
        self._state = self._resumed(opens=False)

    def change_estate(self, estate: Estate) -> None:
        """Go by what is known of the devices now."""
        self._estate = self._state.grouper.estate = estate

    def turn(self, entries: Sequence[Entry], now: int) -> bool:
        """Work on what comes next in stream 2 (nothing: time goes by); return whether anything was written.

        Raises OSError where the register does not take it: nothing has happened then, and the desk must be made anew.
        """
        if self._latest is not None and now < self._latest - HORIZON_NS:
            self._latest = now
            self._state = self._resumed(opens=False)  # windows that were closed by a clock that was ahead
        self._latest = max(self._latest or 0, now)
        try:
            step = self._worked(entries, now)
        except (OSError, MemoryError):
            raise
        except Damaged:
            self._state = self._resumed()  # which opens all, and sets aside what does not open
            return self.turn(entries, now)
        except Exception as fault:  # noqa: BLE001  # what cannot be worked on is set aside
            if not entries:  # what is open cannot be worked on: without the windows of correlations it can
                self._state = self._without_members(fault)
                return self._write(_Step(), [], now)
            self._state = self._resumed()
            if len(entries) == 1:
                return self._write(self._set_aside(entries[0], fault), entries, now)
            for entry in entries:
                self.turn([entry], now)
            return True
        return self._write(step, entries, now)

    def _worked(self, entries: Sequence[Entry], now: int) -> _Step:
        """Return what comes of this; nothing is written yet."""
        step = _Step()
        items = self._read(entries, step, now)
        self._state, effects = journey.triage_step(self._state, items, now)
        self._sort(effects, step)
        unheard: list[Incident] = []
        for incident in step.incidents.values():
            try:
                written, notices = (
                    told(incident, self._office.ods, _account, self._alerts),
                    self._notices(incident, now),
                )
            except (OSError, MemoryError):
                raise
            except Exception as fault:  # noqa: BLE001  # one incident must not keep the others from being told
                unheard.append(incident)
                key = f"poison/incident/{incident.id}"
                text = f"the incident {incident.id} ({incident.title}) cannot be told: {defect(fault)}"
                step.troubles[key] = Trouble(key, "poison", None, text, now)
                self._repeat(key, now)
            else:
                step.told.append(written)
                step.notices += notices
        if unheard:
            self._sort(journey.triage_untold(self._state, unheard), step)
        step.troubles |= self._blindness.news(journey.triage_unseen(self._state), now)
        return step

    def _write(self, step: _Step, entries: Sequence[Entry], now: int) -> bool:
        """Commit a step, and what waits to be written with it; return whether there was anything."""
        aside = self._aside
        position = self._base + entries[-1].position if entries else self._register_position
        if not (entries or step.records or step.told or step.troubles or aside.records or aside.letters):
            return False
        self._cases.commit(
            Commit(
                now,
                self._register_position,
                position,
                aside.records | step.records,
                step.told,
                notices=step.notices,
                troubles=[*aside.troubles.values(), *step.troubles.values()],
                letters=[*aside.letters, *step.letters],
            )
        )
        self._register_position = position
        self._aside = _Step()
        self.figures["matches_total"] += step.matches
        self.figures["starts_total"] += step.starts
        self.figures["incidents_total"] += len(step.told)
        if step.newest is not None:
            self.figures["newest_received"] = step.newest
        return True

    def _set_aside(self, entry: Entry, fault: Exception) -> _Step:
        """Return a step that does nothing but set aside what could not be worked on."""
        step = _Step()
        place, why = _place(entry), defect(fault)
        step.letters.append(Letter(place, place, why, entry.part.data, entry.received))
        key = f"poison/triage/{entry.part.sender}"
        text = f"what was found could not be made an incident and was set aside, {place}: {why}"
        step.troubles[key] = Trouble(key, "poison", None, text, self._latest or entry.received)
        self._repeat(key, self._latest or entry.received)
        return step

    def _read(self, entries: Sequence[Entry], step: _Step, now: int) -> list[Match | ProcessStart]:
        """Return matches and process starts in order of time; what cannot be read is set aside."""
        items: list[Match | ProcessStart] = []
        for entry in entries:
            try:
                words = stream2.decode(entry.part.data)
            except TheirFault as fault:
                place = _place(entry)
                step.letters.append(Letter(place, place, str(fault), entry.part.data, entry.received))
                continue
            for word in words:
                if isinstance(word, Found):
                    items += (_not_ahead(self._alike.share(match), now) for match in word.matches)
                    items += (_not_ahead(start, now) for start in word.starts)
                    step.newest = max(step.newest or 0, word.received)
                    step.matches += len(word.matches)
                    step.starts += len(word.starts)
                else:
                    step.troubles[word.key] = Trouble(word.key, word.kind, word.sender, word.text, word.at)
                    self._repeat(word.key, now)
        return sorted(items, key=lambda item: (item.time or 0, item.file, item.position))

    def _repeat(self, key: str, now: int) -> None:
        self.repeated[key] = now
        self.repeated.move_to_end(key)
        if len(self.repeated) > REPEATED_KEPT:
            self.repeated.popitem(last=False)

    def _sort(self, effects: Sequence[Effect], step: _Step) -> None:
        for effect in effects:
            if isinstance(effect, Keep):
                step.records[effect.key] = effect.record
            elif isinstance(effect.item, Incident):
                step.incidents[effect.item.id] = effect.item

    def _notices(self, incident: Incident, now: int) -> list[NewNotice]:
        """Return what people are to be told of an incident: once, and again when it got much worse."""
        if not self._office.teller.is_due(incident):
            return []
        story = tell_story(incident, sample_events(incident), (), self._office.words)
        return self._office.teller.notices(incident, Texts(story.summary, story.next_steps), now)

    def _resumed(self, *, is_first: bool = False, opens: bool = True) -> journey.TriageState:
        """Return the state as the register has it; records that cannot be read are set aside, once.

        Unless it `opens` much of it stays closed, and who meets what is damaged takes up the state again.
        """
        with at_rest(is_first=is_first):
            try:
                return self._taken_up(opens=opens)
            except Damaged:
                return self._taken_up(opens=True)

    def _taken_up(self, *, opens: bool) -> journey.TriageState:
        kept = self._kept(opens=opens)
        self._set_records_aside(kept.bad)
        try:
            return self._resuming(kept)
        except (OSError, MemoryError, Damaged):
            raise
        except Exception as fault:  # noqa: BLE001  # a state that nothing can go on from would stop us for ever
            return self._without_members(fault)

    def _set_records_aside(self, bad: Mapping[Key, tuple[str, bytes]]) -> None:
        since = self._latest or 0
        fresh = {key: found for key, found in bad.items() if key not in self._aside.records}
        times = Counter((key[0], _reason(why)) for key, (why, _) in fresh.items())
        for key, (why, record) in fresh.items():
            name = "/".join(key)
            self._aside.records[key] = None
            if key[0] == START and len(key) > 1:  # what is told of its device may be otherwise without it
                self._aside.records[untold_key(key[1])] = msgspec.msgpack.encode(True)
            self._aside.letters.append(
                Letter(f"state of triage: {name}", f"state of triage: {name}", why, record, since)
            )
            count = times[key[0], _reason(why)]
            named = name if count <= NAMED_RECORDS else f"{key[0]}s, {_reason(why)}"
            count = 1 if count <= NAMED_RECORDS else count
            text = f"set aside, {why}"
            self._aside.troubles[named] = Trouble(f"damage/state/{named}", "damage", None, text, since, None, count)

    def _kept(self, *, opens: bool = True) -> Kept:
        """Return the state as the register has it; what is ours and not triage's is left out.

        `opens`: the bodies of units and the processes of all devices are read at once.
        """
        every = self._cases.records(None if opens else STARTS)
        records = ((key, record) for key, record in every if key != STREAM)
        asleep = None if opens else SleepingStarts(self._cases)
        return Kept(records, lambda: journey.triage_heads(self._rules), asleep)

    def _without_members(self, fault: Exception) -> journey.TriageState:
        """Return the state without the events that correlations may come to be made of: something is wrong with one."""
        kept = self._kept()
        self._set_records_aside(kept.bad)
        members = [member_key(member) for member in kept.members]
        if not members:
            raise fault
        key, since = "damage/state/members", self._latest or 0
        text = (
            f"{len(members):,} events that correlations count were forgotten, for one stopped triage: {defect(fault)}"
        )
        self._aside.troubles[key] = Trouble(key, "damage", None, text, since, None, len(members))
        self._aside.records |= dict.fromkeys(members)
        kept.members.clear()
        return self._resuming(kept)

    def _resuming(self, kept: Kept) -> journey.TriageState:
        return journey.resuming(self._rules, kept, self._estate, HORIZON_NS, self._latest, self._office.stamp)

    def _take_up(self, epoch: int) -> None:
        """Find where the log of this epoch stands in the register."""
        record = self._cases.record(STREAM)
        if record is None:
            self._aside.records[STREAM] = msgspec.msgpack.encode((epoch, self._base))
            return
        try:
            known, self._base = msgspec.msgpack.decode(record, type=tuple[int, int])
        except msgspec.DecodeError:
            known = -1
        if known != epoch:
            self.begin_anew(epoch, "it was lost, or replaced")


def _reason(why: str) -> str:
    """Return why a record cannot be used without what is in this one alone."""
    return why.partition(":")[0]


def _not_ahead(item: _Item, now: int) -> _Item:
    """Return a match or a start that is not of the future."""
    return item if (item.time or 0) <= now + AHEAD_NS else replace(item, time=now)


def _place(entry: Entry) -> str:
    return f"stream 2: {entry.part.sender} {entry.part.first} to {entry.part.last}"


def _account(match: Match) -> str:
    return next(iter(subject_of(match).accounts), "")
