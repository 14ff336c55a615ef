"""An incident's own matches as events, for whoever tells it before the events themselves are at hand."""

from __future__ import annotations

from carecordon.model.incident import EventSeen, Incident


def sample_events(incident: Incident) -> list[EventSeen]:
    """Return the earliest match of each alert as an event, in order of time."""
    events = []
    for alert in incident.alerts:
        match = alert.sample
        fields = match.carried or match.subject | match.fields
        place = (match.file, match.position, match.record_id, match.time or alert.first)
        events.append(EventSeen(*place, match.device, match.channel, match.event_id, alert.process, fields))
    return sorted(events, key=lambda event: (event.time, event.file, event.position))
