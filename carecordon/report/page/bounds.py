"""How much of a result the page holds, so that it opens quickly however much was found; the rest is counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of one incident is shown."""

    facts: int
    rules: int
    events: int
    processes: int
    entities: int
    lanes: int
    marks: int
    """In one lane; where there are more, those that stand close together are one."""
    devices: int


WHOLE = Bounds(facts=120, rules=30, events=60, processes=90, entities=40, lanes=24, marks=100, devices=60)
BRIEF = Bounds(facts=12, rules=6, events=0, processes=12, entities=8, lanes=6, marks=40, devices=12)
WHOLE_SHOWN = 5
"""Incidents, the worst first, that are shown by `WHOLE`; those after them by `BRIEF`."""
INCIDENTS_SHOWN = 30
INCIDENTS_LISTED = 200
GROUPS_SHOWN = 200
"""Rows of the table of all matches: one rule on one device."""
TECHNIQUES_SHOWN = 300
INPUTS_SHOWN = 300
SOURCES_SHOWN = 200
LINKS_SHOWN = 6
ALERTS_OF_RULE = 12
"""Devices, processes or accounts that are shown of one rule in one incident."""
FIELDS_SHOWN = 40
VALUE_CHARS = 600
FIELD_CHARS = 80
TEXT_CHARS = 1000
