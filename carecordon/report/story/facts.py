"""From what is told to facts: each one sentence, its event beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carecordon.model.incident import Fact, Incident
from carecordon.model.match import RuleHead
from carecordon.model.times import span_text
from carecordon.report.story.alike import Copy
from carecordon.report.story.kind import DEVICE, log_of
from carecordon.report.story.runs import Run
from carecordon.report.story.values import NAME_CHARS, PATH_CHARS, quoted
from carecordon.report.story.voice import Voice
from carecordon.report.story.words import Words

LISTED = 8
NAMED = 3
"""So many devices are named in one sentence, and in one that stands in another."""


def facts_of(things: Sequence[Run | Copy], incident: Incident, voice: Voice) -> tuple[Fact, ...]:
    """Return a fact for each thing told, in their order."""
    teller = _Teller(incident, voice)
    return tuple(teller.fact(thing) for thing in things)


def sentence_of(run: Run, voice: Voice, hidden: Iterable[str] = (), most: int = LISTED) -> str:
    """Return what a run says, without full stop: `hidden` slots left out where they may lack, `most` devices named."""
    words = voice.words
    values = {slot: run.kind.slots[slot].show(raw, words) for slot, raw in run.values.items() if slot not in hidden}
    span = _span(run.last - run.event.time, words)
    values |= {
        "count": f"{run.count:,}",
        "span": span,
        "id": str(run.event.event_id) if run.event.event_id is not None else None,
        "channel": quoted(run.event.channel) if run.event.channel else None,
        "event": words.look_up("events", f"{log_of(run.event) or run.event.channel}/{run.event.event_id}"),
    }
    if run.kind.varies and len(run.varied) > 1:
        return words.phrase(f"facts.{run.kind.key}_many", values | _common(run, voice, most))
    sentence = words.phrase(f"facts.{run.kind.key}", values)
    return sentence if run.count == 1 else words.phrase("frame.again", {**values, "sentence": sentence})


def _common(run: Run, voice: Voice, most: int) -> dict[str, str | None]:
    return {
        "distinct": f"{len(run.varied):,}",
        "folder": quoted(run.folder, PATH_CHARS) if run.folder else None,
        "named": quoted(run.named, NAME_CHARS) if run.named else None,
        "devices": voice.devices(run.devices, most) if run.kind.varies == DEVICE else None,
    }


def _span(nanoseconds: int, words: Words) -> str:
    seconds = max(0, nanoseconds) / 10**9
    return span_text(seconds) if seconds >= 1 else words.phrase("frame.a_second", {})


class _Teller:
    """Tells facts in order: what was just said of a device, and rules already quoted, are not said again."""

    def __init__(self, incident: Incident, voice: Voice) -> None:
        """Start with nothing said."""
        self._order = {technique: place for place, technique in enumerate(incident.techniques)}
        self._voice = voice
        self._accounts: dict[str | None, str] = {}
        self._quoted: set[str] = set()

    def fact(self, thing: Run | Copy) -> Fact:
        """Return the thing as a fact."""
        event = thing.event
        sentence = (
            self._copy(thing) if isinstance(thing, Copy) else sentence_of(thing, self._voice, self._hidden(thing))
        )
        title = None if isinstance(thing, Copy) else self._title(thing.rules.values())
        text = self._voice.words.say("frame.fact", {"sentence": _capital(sentence), "title": title})
        techniques = dict.fromkeys(technique for rule in thing.rules.values() for technique in rule.techniques)
        ordered = sorted(techniques, key=lambda technique: self._order.get(technique, len(self._order)))
        return Fact(
            event.time, event.device, text, tuple(ordered), thing.phase, event.file, event.position, thing.count
        )

    def _hidden(self, run: Run) -> tuple[str, ...]:
        """Return the account as hidden where the fact before on this device named it."""
        account = run.values.get("account")
        if run.kind.key != "process_start" or account is None:
            return ()
        before = self._accounts.get(run.event.device)
        self._accounts[run.event.device] = account
        return ("account",) if before == account else ()

    def _copy(self, copy: Copy) -> str:
        voice, words = self._voice, self._voice.words
        is_one = not copy.is_about_sources and len(copy.places) == 1
        values = {
            "sentence": sentence_of(copy.run, voice, most=NAMED),
            "gravest": sentence_of(copy.gravest, voice, most=NAMED),
            "other": voice.device(copy.original.event.device or ""),
            "steps": f"{copy.steps:,}",
            "span": _span(copy.last - copy.event.time, words),
            "places": voice.devices(copy.places, LISTED),
            "count": f"{len(copy.places):,}",
        }
        if is_one:
            return words.phrase("frame.same_steps" if copy.steps > 1 else "frame.same_step", values)
        return words.phrase("frame.same_from_many" if copy.is_about_sources else "frame.same_on_many", values)

    def _title(self, rules: Iterable[RuleHead]) -> str | None:
        """Return the title of the gravest rule that was not quoted before."""
        fresh = [rule for rule in rules if rule.id not in self._quoted]
        if not fresh:
            return None
        gravest = max(fresh, key=lambda rule: rule.level.rank)
        self._quoted.add(gravest.id)
        return quoted(gravest.title, PATH_CHARS)[1:-1]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
