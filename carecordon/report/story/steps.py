"""What to do next, for two people: care first, then what stops the worst, then what the rules advise.

At most STEPS: those about care (`care.py`); from the catalogue those that fit the techniques,
the most urgent first, at most URGENT; the triage notes of the gravest rules, their first steps
before their second ones; then what is to be done about any incident. What a key in two places asks for (`copied.py`)
is told whole, and stands before the notes. Below high the notes, which
say how to tell friend from foe, come before the catalogue. None says what one before it said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from carecordon.model.incident import Incident
from carecordon.model.match import Level, RuleHead
from carecordon.report.story.care import care_steps, names
from carecordon.report.story.copied import copied_steps, is_of_hub_alone
from carecordon.report.story.reach import Reach
from carecordon.report.story.runs import rules_of
from carecordon.report.story.summary import people
from carecordon.report.story.unknown import is_inside
from carecordon.report.story.values import quoted
from carecordon.report.story.voice import Voice
from carecordon.report.story.words import Step
from carecordon.report.visible import shortened, visible

STEPS = 8
URGENT = 6
NAMED = 3
ACCOUNTS = 6
BACKUP = "it.backup"
_STEP_CHARS = 300
_WORD = re.compile(r"[a-z]{4,}")
_ALIKE = 0.6
"""Two steps say the same that share so much of the shorter one's words."""
_THIS = re.compile(r"\bthis (device|computer|server|machine|workstation)\b", re.IGNORECASE)


def next_steps(incident: Incident, reach: Reach, sources: Sequence[str], voice: Voice) -> tuple[str, ...]:
    """Return the steps, the most urgent first; none twice. `sources`: addresses whose device is not known."""
    inside = [quoted(address) for address in sources if is_inside(address)]
    backups = {asset.device for asset in incident.assets if asset.kind == BACKUP}
    places = {
        "sources": voice.words.listed(inside, NAMED) or None,
        "backups": voice.devices([device for device in reach.shown if device in backups], NAMED),
        "devices": names(reach.shown or reach.touched, voice, NAMED),
        "accounts": voice.words.listed([quoted(one.name) for one in people(incident, voice)], ACCOUNTS) or None,
    }
    fitting = [step for step in voice.words.steps if step.fits(incident.techniques or ("",)) and _can(step, places)]
    urgent = [_text(step, places, voice) for step in fitting if not step.is_general]
    is_general = not is_of_hub_alone(incident)
    general = [_text(step, places, voice) for step in fitting if step.is_general and is_general]
    advised = [step for step, says in _advised(incident, voice) if not any(_same(says, own) for own in urgent)]
    care, copied = care_steps(incident, reach, voice), copied_steps(incident, voice)
    room = min(URGENT, STEPS - len(care) - len(copied)) if copied else URGENT
    first = urgent[: max(0, room)] if incident.level.rank >= Level.HIGH.rank else []
    return tuple(_once([*care, *first, *copied, *advised, *urgent, *general]))[:STEPS]


def _can(step: Step, places: dict[str, str | None]) -> bool:
    """Say whether there is anything to do it about: no accounts, no step about accounts."""
    return all(places[name] is not None for name in ("accounts", "sources") if name in step.text.places)


def _text(step: Step, places: dict[str, str | None], voice: Voice) -> str:
    text = step.text.fill(places, voice.words.missing)
    return text[:1].upper() + text[1:]


def _advised(incident: Incident, voice: Voice) -> Iterator[tuple[str, str]]:
    """Yield the rules' steps, and what they say but for where: each rule's first, the gravest rule first, and so on."""
    ranked = sorted(rules_of(incident).values(), key=lambda rule: -rule.level.rank)
    told: list[str] = []
    for turn in range(max((len(rule.triage) for rule in ranked), default=0)):
        for rule in ranked:
            if turn < len(rule.triage) and rule.triage[turn].strip():
                step = visible(shortened(" ".join(rule.triage[turn].split()), _STEP_CHARS))
                step = step if step.endswith((".", "?", "!")) else step + "."
                if not any(_same(step, before) for before in told):
                    told.append(step)
                    yield _where(step, rule, incident, voice), step


def _where(step: str, rule: RuleHead, incident: Incident, voice: Voice) -> str:
    """Return the step with the devices that it means where it says `this device` and the incident has several."""
    if len(incident.devices) < 2 or not _THIS.search(step):
        return step
    devices = tuple(dict.fromkeys(alert.device for alert in incident.alerts if alert.rule.id == rule.id))
    if len(devices) != 1:
        step = _THIS.sub(lambda found: voice.words.phrase("frame.each", {"what": found[1]}), step)
    return voice.words.say("frame.on", {"devices": voice.devices(devices, NAMED), "sentence": step})


def _same(one: str, other: str) -> bool:
    """Say whether two steps say much the same: the same text, or most of the shorter one's words."""
    mine, theirs = set(_WORD.findall(one.lower())), set(_WORD.findall(other.lower()))
    least = min(len(mine), len(theirs))
    return least >= 4 and len(mine & theirs) >= _ALIKE * least


def _once(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        key = text.casefold().rstrip(". ")
        if key not in seen:
            seen.add(key)
            yield text
