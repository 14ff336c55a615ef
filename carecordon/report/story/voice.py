"""Who tells one story: the catalogue, and how its devices are called in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from carecordon.model.incident import EventSeen, Incident
from carecordon.report.story.kind import log_of
from carecordon.report.story.values import field as event_field
from carecordon.report.story.values import quoted
from carecordon.report.story.words import Words

_OF_GROUPS = frozenset({*range(4727, 4738), *range(4754, 4759), 4764, 4799})
"""Events about groups: made, changed, removed, members added, removed and listed. Source: Windows security events."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The wording, and the devices whose names are told without their domain, since no two would be the same."""

    words: Words
    short: dict[str, str] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    """Names that the events say are a group's, in lower case: a group is no account."""

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
    short = {name: label for name, label in first.items() if is_plain and label and not label.isdecimal()}
    return Voice(words, short, frozenset(_groups(events)))


def _groups(events: Sequence[EventSeen]) -> Iterator[str]:
    """Yield the names of groups; those events call the group a target user."""
    for event in events:
        if event.event_id in _OF_GROUPS and log_of(event) == "security":
            yield (event_field(event.fields, "TargetUserName") or "").lower()
