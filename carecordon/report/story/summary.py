"""An incident in at most three sentences: how it began, what was seen, how far it got."""

from __future__ import annotations

from collections.abc import Sequence

from carecordon.model.incident import Entity, EntityKind, Incident
from carecordon.model.times import to_datetime
from carecordon.report.story.copied import is_of_hub_alone
from carecordon.report.story.facts import sentence_of
from carecordon.report.story.reach import ARRIVES, Reach
from carecordon.report.story.runs import Run
from carecordon.report.story.values import quoted
from carecordon.report.story.voice import Voice
from carecordon.report.story.words import Words, is_within

DONE = 6
"""So many kinds of doings are named."""
NAMED = 4
"""So many devices or accounts are named."""


def summary_of(incident: Incident, runs: Sequence[Run], reach: Reach, voice: Voice) -> str:
    """Return the summary; `runs` are all of the incident's, in order of time."""
    words = voice.words
    sentences = [_began(incident, runs, voice)]
    if did := doings(incident, words):
        sentences.append(words.say("summary.did", {"did": words.listed(did, DONE)}))
    if is_of_hub_alone(incident):
        return " ".join(sentences)  # nothing was seen on any device
    key = "reached" if len(reach.shown) > 1 else "touched" if reach.touched and not reach.shown else "stayed"
    sentences.append(words.say(f"summary.{key}", _reach(incident, reach, voice)))
    return " ".join(sentences)


def _began(incident: Incident, runs: Sequence[Run], voice: Voice) -> str:
    """Return how it began; what only came from elsewhere did not begin on the device that it came to."""
    began = next((run for run in runs if run.rules), runs[0] if runs else None)
    arrived = began is not None and began.kind.key in ARRIVES
    device = began.event.device if began else None
    if arrived:
        device = next((run.event.device for run in runs if run.rules and run.kind.key not in ARRIVES), None)
    first = {
        "time": moment(incident.first, voice.words),
        "device": voice.device(device) if device else None,
        "sentence": sentence_of(began, voice, hidden=("decoded",), most=NAMED) if began else None,
    }
    return voice.words.say(f"summary.{'began_elsewhere' if arrived else 'began' if began else 'began_unknown'}", first)


def doings(incident: Incident, words: Words) -> list[str]:
    """Return what the incident's techniques are in words: the gravest, in the order they were first seen."""
    graver = {technique: place for place, technique in enumerate(words.tables["did"])}
    found: dict[str, int] = {}
    for technique in incident.techniques:
        wanted = next(
            (known for known in (technique.lower(), technique.lower().split(".")[0]) if known in graver), None
        )
        if wanted:
            found.setdefault(words.tables["did"][wanted], graver[wanted])
    gravest = sorted(found, key=lambda phrase: found[phrase])[:DONE]
    return [phrase for phrase in found if phrase in gravest]


def people(incident: Incident, voice: Voice) -> list[Entity]:
    """Return the accounts that are no group's, Windows' own or a device's; of several spellings of a name the first."""
    found: dict[str, Entity] = {}
    for entity in incident.entities:
        name = entity.name.rpartition("\\")[2].partition("@")[0].strip().lower()
        own = (voice.words.look_up("accounts", entity.name), voice.words.look_up("accounts", name))
        if entity.kind is EntityKind.ACCOUNT and not name.endswith("$") and not any(own) and name not in voice.groups:
            found.setdefault(name, entity)
    return list(found.values())


def has_technique(incident: Incident, *wanted: str) -> bool:
    """Say whether one of the incident's techniques is one of these or a part of one."""
    return any(is_within(technique, one) for technique in incident.techniques for one in wanted)


def moment(time: int, words: Words) -> str | None:
    """Return a time to the minute, in UTC; None outside the years 1 to 9999."""
    when = to_datetime(time)
    return words.phrase("frame.time", {"time": f"{when:%Y-%m-%d %H:%M}"}) if when else None


def _reach(incident: Incident, reach: Reach, voice: Voice) -> dict[str, str | None]:
    accounts = [quoted(entity.name) for entity in people(incident, voice)]
    return {
        "count": f"{len(reach.shown):,}",
        "devices": voice.devices(reach.shown or reach.touched, NAMED),
        "touched": f"{len(reach.touched):,}" if reach.touched else None,
        "accounts": voice.words.listed(accounts, NAMED) or None,
        "time": moment(incident.last, voice.words),
    }
