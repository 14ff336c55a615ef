"""Events that say the same become one run, with what they have in common: the matter of one fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from carecordon.model.incident import EventSeen, Incident, Phase
from carecordon.model.match import RuleHead
from carecordon.report.story.kind import DEVICE, Kind
from carecordon.report.story.kinds import kind_of, sort_of
from carecordon.report.story.things import folder
from carecordon.report.story.values import leaf

GAP = 30 * 60 * 10**9
"""A run ends when nothing of it came for so long (ns)."""
TWIN = 5 * 10**9
"""Two logs tell of one happening no further apart than this (ns)."""
QUIET = 10
"""Kinds that weigh less are mostly noise: their events that a rule matches are a run of their own."""
VALUES_KEPT = 10_000
"""Different values that one run counts; more are not told apart."""

Rules = Mapping[tuple[str, int], tuple[RuleHead, ...]]


@dataclass(slots=True)
class Run:
    """Alike events: the first one, its raw values by slot, how many, until when (UTC ns), what varies among them.

    `folder` is the folder that all varied values lie in, `named` the file name that all have; None if none.
    """

    kind: Kind
    event: EventSeen
    values: dict[str, str]
    phase: Phase
    rules: dict[str, RuleHead]
    last: int
    count: int = 0
    varied: dict[str, None] = field(default_factory=dict)
    devices: dict[str, None] = field(default_factory=dict)
    folder: str | None = None
    named: str | None = None

    def add(self, event: EventSeen, value: str | None) -> None:
        """Count one more event, which has this value in the slot that varies."""
        self.count += 1
        self.last = max(self.last, event.time)
        if event.device and len(self.devices) < VALUES_KEPT:
            self.devices.setdefault(event.device)
        if value is None:
            return
        if not self.varied:
            self.folder, self.named = _common(folder(value), folder(value)), leaf(value)
        elif value not in self.varied:
            self.folder = _common(self.folder, folder(value))
            self.named = self.named if (self.named or "").lower() == leaf(value).lower() else None
        if len(self.varied) < VALUES_KEPT:
            self.varied.setdefault(value)

    def absorb(self, later: Run) -> None:
        """Take in a later run that differs in what varies only."""
        events = self.count + later.count
        for value in later.varied or {"": None}:
            self.add(later.event, value)
        self.count, self.last = events, max(self.last, later.last)
        self.rules.update(later.rules)


def matched(incident: Incident) -> Rules:
    """Return the rules that match at each place; a rule of which neither alerts nor chains tell is left out."""
    heads = rules_of(incident)
    found: dict[tuple[str, int], dict[str, RuleHead]] = {}
    for place in incident.places:
        if head := heads.get(place.rule_id):
            found.setdefault((place.file, place.position), {})[head.id] = head
    for alert in incident.alerts:
        found.setdefault((alert.sample.file, alert.sample.position), {})[alert.rule.id] = alert.rule
    return {place: tuple(rules.values()) for place, rules in found.items()}


def rules_of(incident: Incident) -> dict[str, RuleHead]:
    """Return the rules that speak in an incident, by id."""
    return {rule.id: rule for rule in (*(alert.rule for alert in incident.alerts), *(c.rule for c in incident.chains))}


def single(events: Iterable[EventSeen], rules: Rules) -> list[EventSeen]:
    """Return the events in order of time, each once: of copies in several files the one that a rule matched."""
    found: dict[tuple[object, ...], EventSeen] = {}
    for event in events:
        own = event.record_id is None
        key = (event.file, event.position) if own else (event.device, event.channel, event.record_id, event.time)
        before = found.get(key)
        if before is None or ((event.file, event.position) in rules and (before.file, before.position) not in rules):
            found[key] = event
    return sorted(found.values(), key=lambda event: (event.time, event.file, event.position))


def runs_of(events: Iterable[EventSeen], rules: Rules, first: int, last: int) -> list[Run]:
    """Return the runs in order of their first events, which come in order of time.

    `first` and `last` (UTC ns) bound what counts as during the attack. Linear in the events.
    """
    folding = _Folding(rules, first, last)
    for event in events:
        folding.take(event)
    return folding.runs


class _Folding:
    """Takes events in order of time."""

    def __init__(self, rules: Rules, first: int, last: int) -> None:
        """Start with no run."""
        self.runs: list[Run] = []
        self._rules = rules
        self._bounds = first, last
        self._open: dict[tuple[object, ...], Run] = {}
        self._twins: dict[tuple[object, ...], tuple[str | None, Run]] = {}

    def take(self, event: EventSeen) -> None:
        """Add an event to its run, or begin one with it."""
        heads = {head.id: head for head in self._rules.get((event.file, event.position), ())}
        kind = kind_of(event, heads.values())
        happening = self._happening(kind, event)
        if happening and (twin := self._twin(happening, event)):
            twin.rules.update(heads)
            for slot, raw in _values(kind, event).items():
                twin.values.setdefault(slot, raw)
            return
        run = self._run(kind, event, is_matched=bool(heads))
        run.rules.update(heads)
        run.add(event, event.device if kind.varies == DEVICE else kind.read(kind.varies, event.fields))
        if happening:
            self._twins[happening] = event.channel, run

    def _run(self, kind: Kind, event: EventSeen, *, is_matched: bool) -> Run:
        """Return the run that the event is of, begun if there is none."""
        phase = self._phase(event.time)
        alike = tuple((kind.read(slot, event.fields) or "").lower() for slot in kind.same)
        is_apart = is_matched and kind.weight < QUIET
        where = (None, None) if kind.varies == DEVICE else (event.device, phase)
        key = (kind.key, where, is_apart, alike, sort_of(kind, event))
        run = self._open.get(key)
        if run is None or event.time - run.last > GAP:
            run = self._open[key] = Run(kind, event, _values(kind, event), phase, {}, event.time)
            self.runs.append(run)
        return run

    def _phase(self, time: int) -> Phase:
        first, last = self._bounds
        return Phase.BEFORE if time < first else Phase.AFTER if time > last else Phase.DURING

    def _happening(self, kind: Kind, event: EventSeen) -> tuple[object, ...] | None:
        """Return what names the happening itself, whichever log tells it; None where that is not known."""
        parts = [kind.read(slot, event.fields) for slot in kind.twin]
        if not parts or None in parts:
            return None
        return (kind.key, event.device, *(part.lower() for part in parts if part))

    def _twin(self, happening: tuple[object, ...], event: EventSeen) -> Run | None:
        """Return the run that already tells what this event of another log tells again."""
        channel, run = self._twins.get(happening, (event.channel, None))
        if run is None or channel == event.channel or event.time - run.last > TWIN:
            return None
        return run


def _values(kind: Kind, event: EventSeen) -> dict[str, str]:
    return {slot: raw for slot, how in kind.slots.items() if (raw := how.read(event.fields)) is not None}


def _common(one: str | None, other: str) -> str | None:
    """Return the folder that both folders lie in; None if there is none, or it is a whole drive."""
    if one is None:
        return None
    if one.lower() == other.lower():
        return one if "\\" in one else None
    parts: list[str] = []
    for mine, theirs in zip(one.split("\\"), other.split("\\"), strict=False):
        if mine.lower() != theirs.lower():
            break
        parts.append(mine)
    return "\\".join(parts) if len(parts) > 1 else None
