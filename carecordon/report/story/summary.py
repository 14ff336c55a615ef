"""An incident in at most three sentences: how it began, what was seen, how far it got."""

from __future__ import annotations

from collections.abc import Sequence

from carecordon.model.incident import Entity, EntityKind, Incident
from carecordon.model.times import to_datetime
from carecordon.report.story.facts import sentence_of
from carecordon.report.story.runs import Run
from carecordon.report.story.values import quoted
from carecordon.report.story.voice import Voice
from carecordon.report.story.words import Words, is_within

DONE = 6
"""So many kinds of doings are named."""
NAMED = 4
"""So many devices or accounts are named."""


def summary_of(incident: Incident, runs: Sequence[Run], voice: Voice) -> str:
    """Return the summary; `runs` are all of the incident's, in order of time."""
    words = voice.words
    began = next((run for run in runs if run.rules), runs[0] if runs else None)
    first = {
        "time": moment(incident.first, words),
        "device": voice.device(device) if (device := began.event.device if began else None) else None,
        "sentence": sentence_of(began, voice, hidden=("decoded",), most=NAMED) if began else None,
    }
    sentences = [words.say("summary.began" if began else "summary.began_unknown", first)]
    if did := doings(incident, words):
        sentences.append(words.say("summary.did", {"did": words.listed(did, DONE)}))
    sentences.append(
        words.say("summary.reached" if len(incident.devices) > 1 else "summary.stayed", _reach(incident, voice))
    )
    return " ".join(sentences)


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


def people(incident: Incident, words: Words) -> list[Entity]:
    """Return the accounts that are neither Windows' own nor a device's; of several spellings of a name the first."""
    found: dict[str, Entity] = {}
    for entity in incident.entities:
        name = entity.name.rpartition("\\")[2].partition("@")[0].strip().lower()
        own = (words.look_up("accounts", entity.name), words.look_up("accounts", name))
        if entity.kind is EntityKind.ACCOUNT and not name.endswith("$") and not any(own):
            found.setdefault(name, entity)
    return list(found.values())


def has_technique(incident: Incident, *wanted: str) -> bool:
    """Say whether one of the incident's techniques is one of these or a part of one."""
    return any(is_within(technique, one) for technique in incident.techniques for one in wanted)


def moment(time: int, words: Words) -> str | None:
    """Return a time to the minute, in UTC; None outside the years 1 to 9999."""
    when = to_datetime(time)
    return words.phrase("frame.time", {"time": f"{when:%Y-%m-%d %H:%M}"}) if when else None


def _reach(incident: Incident, voice: Voice) -> dict[str, str | None]:
    accounts = [quoted(entity.name) for entity in people(incident, voice.words)]
    return {
        "count": f"{len(incident.devices):,}",
        "devices": voice.devices(incident.devices, NAMED),
        "accounts": voice.words.listed(accounts, NAMED) or None,
        "time": moment(incident.last, voice.words),
    }
