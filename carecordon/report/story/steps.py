"""What to do next, for two people: care first, then what stops the worst, then what the rules advise.

At most STEPS: one about care; from the catalogue those that fit the techniques, the most
urgent first (`OWN` of them where rules advise too); the triage notes of the gravest rules,
their first steps before their second ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from carecordon.model.incident import Incident
from carecordon.report.story.runs import rules_of
from carecordon.report.story.summary import people
from carecordon.report.story.values import quoted
from carecordon.report.story.voice import Voice
from carecordon.report.story.words import Words
from carecordon.report.visible import shortened, visible

STEPS = 8
OWN = 4
NAMED = 3
_STEP_CHARS = 300


def next_steps(incident: Incident, voice: Voice) -> tuple[str, ...]:
    """Return the steps, the most urgent first; none twice."""
    words, devices = voice.words, incident.devices
    many = words.phrase("frame.all_devices", {"count": f"{len(devices):,}"}) if len(devices) > NAMED else None
    places = {
        "devices": many or voice.devices(devices, NAMED),
        "accounts": words.listed([quoted(entity.name) for entity in people(incident, words)], NAMED) or None,
    }
    own = [
        text[:1].upper() + text[1:]
        for text in (
            step.text.fill(places, words.missing) for step in words.steps if step.fits(incident.techniques or ("",))
        )
    ]
    advised = list(_once(_advised(incident)))
    kept = own[: max(OWN, STEPS - 1 - len(advised))]
    return tuple(_once([_care(incident, places, words), *kept, *advised, *own]))[:STEPS]


def _care(incident: Incident, places: dict[str, str | None], words: Words) -> str:
    """Return whom to ask before a device is cut off."""
    asset = next((part for part in incident.score.summands if part.name == "asset" and part.points > 0), None)
    why = visible(shortened(asset.why, _STEP_CHARS)).rstrip(".") if asset else None
    key = "care.known" if why else "care.unknown"
    return words.say(f"{key}_one" if len(incident.devices) == 1 else key, {**places, "why": why})


def _advised(incident: Incident) -> Iterator[str]:
    """Yield the rules' steps: the first of each rule, the gravest rule first, then the second ones, and so on."""
    ranked = sorted(rules_of(incident).values(), key=lambda rule: -rule.level.rank)
    for turn in range(max((len(rule.triage) for rule in ranked), default=0)):
        for rule in ranked:
            if turn < len(rule.triage) and rule.triage[turn].strip():
                step = visible(shortened(" ".join(rule.triage[turn].split()), _STEP_CHARS))
                yield step if step.endswith((".", "?", "!")) else step + "."


def _once(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        key = text.casefold().rstrip(". ")
        if key not in seen:
            seen.add(key)
            yield text
