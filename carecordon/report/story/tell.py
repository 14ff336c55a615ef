"""An incident told: facts in the order they happened, what to do next, what is not known."""

from __future__ import annotations

from collections.abc import Sequence

from carecordon.model.incident import EventSeen, Incident, Story
from carecordon.model.match import BlindSpot
from carecordon.report.story.choose import choose
from carecordon.report.story.crowds import without_crowds
from carecordon.report.story.facts import facts_of
from carecordon.report.story.reach import reach_of
from carecordon.report.story.runs import matched, runs_of, single
from carecordon.report.story.steps import next_steps
from carecordon.report.story.summary import summary_of
from carecordon.report.story.unknown import strangers, unknown_of
from carecordon.report.story.voice import voice_of
from carecordon.report.story.words import Words


def tell_story(incident: Incident, events: Sequence[EventSeen], unseen: Sequence[BlindSpot], words: Words) -> Story:
    """Return the incident in words. `events` are those that belong to it, in any order; `unseen` of the whole scan.

    Never raises on what events hold; each fact's event is among the events given. Linear in the events but for sorting.
    """
    rules = matched(incident)
    ordered = single(events, rules)
    times = [event.time for event in ordered if (event.file, event.position) in rules]
    first, last = (times[0], times[-1]) if times else (incident.first, incident.last)
    runs = without_crowds(runs_of(ordered, rules, first, last))
    chosen = choose(runs)
    voice = voice_of(incident, ordered, words)
    reach = reach_of(incident, ordered, rules)
    strange = strangers(incident, ordered)
    return Story(
        summary_of(incident, runs, reach, voice),
        facts_of(chosen.told, incident, voice),
        next_steps(incident, reach, list(strange), voice),
        unknown_of(incident, ordered, rules, strange, unseen, voice, untold=chosen.untold),
    )
