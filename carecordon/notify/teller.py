"""When an incident is told, and told again: only when it gets worse, and each time to everybody once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from carecordon.model.incident import Incident
from carecordon.model.match import Level
from carecordon.model.notice import NewNotice
from carecordon.notify.compose import Texts, compose
from carecordon.notify.notice import encode

REMEMBERED = 10_000
"""Incidents whose last telling is kept in mind; of one forgotten the outbox still knows what was told."""


class Told(NamedTuple):
    """How bad an incident was: the rank of its level, and the power of ten of its devices (0: 1-9, 1: 10-99, …)."""

    rank: int
    tens: int

    def is_worse_than(self, before: Told) -> bool:
        """Return whether people are to be told again."""
        return self.rank > before.rank or self.tens > before.tens


def how_bad(incident: Incident) -> Told:
    """Return what a telling of the incident goes by."""
    return Told(incident.level.rank, len(str(max(1, len(incident.devices)))) - 1)


def key_of(incident: Incident) -> str:
    """Return the key of the notice of an incident as bad as this: the outbox takes each key of an incident once."""
    return f"{incident.level.value}/{10 ** how_bad(incident).tens}"


@dataclass(slots=True)
class Teller:
    """Makes the notices of incidents for all receivers. Its memory saves a repeat where a level falls and rises again.

    What it forgets at a restart the outbox makes good: it takes one incident, key and receiver once for ever.
    """

    organisation: str
    receivers: Sequence[str]
    """Names, as `NewNotice.channel` has them."""
    least: Level
    _told: OrderedDict[str, Told] = field(default_factory=OrderedDict)

    def notices(self, incident: Incident, texts: Texts, now: int) -> list[NewNotice]:
        """Return what is to be put into the outbox, with the incident's own commit; nothing where it got no worse."""
        if not self.is_due(incident):
            return []
        before = self._before(incident)
        key = key_of(incident)
        notice = compose(incident, texts, self.organisation, f"{incident.id}/{key}", now, is_again=before is not None)
        body = encode(notice)
        self._remember(incident, before)
        return [
            NewNotice(receiver, key, incident.id, notice.level, notice.subject, body, now)
            for receiver in self.receivers
        ]

    def is_due(self, incident: Incident) -> bool:
        """Return whether `notices` would give any: a story need be told only then."""
        if not self.receivers or incident.level.rank < self.least.rank:
            return False
        before = self._before(incident)
        return before is None or how_bad(incident).is_worse_than(before)

    def _before(self, incident: Incident) -> Told | None:
        known = [told for name in (incident.id, *incident.aliases) if (told := self._told.get(name)) is not None]
        return Told(max(one.rank for one in known), max(one.tens for one in known)) if known else None

    def _remember(self, incident: Incident, before: Told | None) -> None:
        for former in incident.aliases:
            self._told.pop(former, None)
        now = how_bad(incident)
        self._told[incident.id] = Told(max(now.rank, before.rank), max(now.tens, before.tens)) if before else now
        self._told.move_to_end(incident.id)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
