"""An incident's own matches as events, for whoever tells it before the events themselves are at hand."""

from __future__ import annotations

from carecordon.model.incident import EventSeen, Incident
from carecordon.model.match import Match


def sample_events(incident: Incident) -> list[EventSeen]:
    """Return the earliest match of each alert, and of each correlation, as an event, in order of time."""
    found = {
        (chain.sample.file, chain.sample.position): _event(chain.sample, chain.first, None)
        for chain in incident.chains
        if chain.sample is not None
    }
    found |= {
        (alert.sample.file, alert.sample.position): _event(alert.sample, alert.first, alert.process)
        for alert in incident.alerts
    }
    return sorted(found.values(), key=lambda event: (event.time, event.file, event.position))


def _event(match: Match, first: int, process: str | None) -> EventSeen:
    """Return a match as an event; `first` (UTC ns) where it has no time."""
    fields = match.carried or match.subject | match.fields
    place = (match.file, match.position, match.record_id, match.time or first)
    return EventSeen(*place, match.device, match.channel, match.event_id, process, fields)
