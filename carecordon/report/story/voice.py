"""Who tells one story: the catalogue, and how its devices are called in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carecordon.model.incident import EventSeen, Incident
from carecordon.report.story.values import quoted
from carecordon.report.story.words import Words


@dataclass(frozen=True, slots=True)
class Voice:
    """The wording, and the devices whose names are told without their domain, since no two would be the same."""

    words: Words
    short: dict[str, str] = field(default_factory=dict)

    def device(self, name: str) -> str:
        """Return how a device is called in a sentence."""
        return quoted(self.short.get(name, name))

    def devices(self, names: Iterable[str], most: int) -> str | None:
        """Return the devices called by their names, the first `most`; None if there are none."""
        return self.words.listed([self.device(name) for name in names], most) or None


def voice_of(incident: Incident, events: Sequence[EventSeen], words: Words) -> Voice:
    """Return the voice for an incident and its events."""
    names = {*incident.devices, *(event.device for event in events if event.device)}
    first = {name: name.split(".", maxsplit=1)[0] for name in names}
    is_plain = len({label.lower() for label in first.values()}) == len({name.lower() for name in names})
    return Voice(words, {name: label for name, label in first.items() if is_plain and label and not label.isdecimal()})
