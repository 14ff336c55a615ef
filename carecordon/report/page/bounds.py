"""How much of a result the page holds, so that it opens quickly however much was found; the rest is counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of one incident is shown."""

    facts: int
    alerts: int
    events: int
    processes: int
    entities: int
    lanes: int
    devices: int


WHOLE = Bounds(facts=200, alerts=60, events=120, processes=150, entities=60, lanes=30, devices=60)
BRIEF = Bounds(facts=20, alerts=10, events=0, processes=20, entities=10, lanes=10, devices=20)
WHOLE_SHOWN = 10
"""Incidents, the worst first, that are shown by `WHOLE`; those after them by `BRIEF`."""
INCIDENTS_SHOWN = 40
INCIDENTS_LISTED = 500
GROUPS_SHOWN = 300
"""Rows of the table of all matches: one rule on one device."""
TECHNIQUES_SHOWN = 300
INPUTS_SHOWN = 500
SOURCES_SHOWN = 200
FIELDS_SHOWN = 40
VALUE_CHARS = 600
FIELD_CHARS = 80
TEXT_CHARS = 1000
