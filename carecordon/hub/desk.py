"""Triage of one organisation: what was found becomes incidents, notices and troubles, each step one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from carecordon.hub import found as stream2
from carecordon.hub.found import Found
from carecordon.model.effect import Effect, Keep
from carecordon.model.errors import TheirFault
from carecordon.model.incident import Incident
from carecordon.model.kept import Commit, Letter, Trouble
from carecordon.model.match import Match
from carecordon.model.notice import NewNotice
from carecordon.model.process import ProcessStart
from carecordon.model.stream import Entry
from carecordon.notify.compose import Texts
from carecordon.notify.teller import Teller
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.triage.score import Estate
from carecordon.pipeline.triage.subject import subject_of
from carecordon.register.identity import told
from carecordon.register.register import Cases
from carecordon.report.story.samples import sample_events
from carecordon.report.story.tell import tell_story
from carecordon.report.story.words import Words

HORIZON_NS = 60 * 1_000_000_000
"""How much later than others a match may come and still be counted by correlations."""


@dataclass(frozen=True, slots=True)
class Office:
    """Whose hub it is, and how it tells people: what is due, and in which words."""

    ods: str
    teller: Teller
    words: Words


@dataclass(slots=True)
class _Step:
    """What one step leaves behind."""

    records: dict[tuple[str, ...], bytes | None] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    newest: int | None = None


class Desk:
    """The one place where incidents are made. Not to be had twice over one register: `commit` would refuse."""

    def __init__(self, cases: Cases, rules: RuleSet, estate: Estate, office: Office) -> None:
        """Take up the state where the register has it. Raises TheirFault for a record that cannot be read."""
        self._cases = cases
        self._office = office
        self.position = cases.position()
        self.figures: dict[str, float] = dict.fromkeys(("matches_total", "starts_total", "incidents_total"), 0)
        self._state = journey.resuming(rules, cases.records(), estate, HORIZON_NS)

    def change_rules(self, rules: RuleSet, estate: Estate) -> None:
        """Go on with other rules; what is open stays open."""
        self._state = journey.resuming(rules, self._cases.records(), estate, HORIZON_NS)

    def change_estate(self, estate: Estate) -> None:
        """Go by what is known of the devices now."""
        self._state.grouper.estate = estate

    def turn(self, entries: Sequence[Entry], now: int) -> bool:
        """Work on what comes next in stream 2 (nothing: time goes by); return whether anything was written.

        Raises OSError where the register does not take it: nothing has happened then, and the desk must be made anew.
        """
        step = _Step()
        items = self._read(entries, step)
        self._state, effects = journey.triage_step(self._state, items, now)
        self._sort(effects, step)
        position = entries[-1].position if entries else self.position
        notices = [notice for incident in step.incidents.values() for notice in self._notices(incident, now)]
        if not (entries or step.records or step.incidents):
            return False
        self._cases.commit(
            Commit(
                now,
                self.position,
                position,
                step.records,
                [told(incident, self._office.ods, _account) for incident in step.incidents.values()],
                notices=notices,
                troubles=list(step.troubles.values()),
                letters=step.letters,
            )
        )
        self.position = position
        self.figures["incidents_total"] += len(step.incidents)
        if step.newest is not None:
            self.figures["newest_received"] = step.newest
        return True

    def _read(self, entries: Sequence[Entry], step: _Step) -> list[Match | ProcessStart]:
        """Return matches and process starts in order of time; what cannot be read is set aside."""
        items: list[Match | ProcessStart] = []
        for entry in entries:
            try:
                words = stream2.decode(entry.part.data)
            except TheirFault as fault:
                place = f"stream 2: {entry.part.sender} {entry.part.first} to {entry.part.last}"
                step.letters.append(Letter(place, place, str(fault), entry.part.data, entry.received))
                continue
            for word in words:
                if isinstance(word, Found):
                    items += word.matches
                    items += word.starts
                    step.newest = max(step.newest or 0, word.received)
                    self.figures["matches_total"] += len(word.matches)
                    self.figures["starts_total"] += len(word.starts)
                else:
                    step.troubles[word.key] = Trouble(word.key, word.kind, word.sender, word.text, word.at)
        return sorted(items, key=lambda item: (item.time or 0, item.file, item.position))

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


def _account(match: Match) -> str:
    return next(iter(subject_of(match).accounts), "")
