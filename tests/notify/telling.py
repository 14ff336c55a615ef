"""Incidents and notices to tell of, made up."""

from __future__ import annotations

from typing import Any

from carecordon.model.incident import Incident, Score
from carecordon.model.match import Level
from carecordon.model.notice import NoticeRow, NoticeState
from carecordon.notify.notice import Notice, encode

MINUTE = 60 * 1_000_000_000
NOON = 1_795_780_800 * 1_000_000_000
"""2026-11-27T12:00:00Z."""


def incident(name: str = "inc-0001", level: Level = Level.HIGH, devices: int = 1, **changes: Any) -> Incident:
    """Return an incident."""
    parts: dict[str, Any] = {
        "id": name,
        "aliases": (),
        "title": "Shadow copies deleted",
        "level": level,
        "score": Score(80, ()),
        "devices": tuple(f"ward{number}-pc.example.org" for number in range(devices)),
        "first": NOON,
        "last": NOON + MINUTE,
        "techniques": ("T1490",),
        "alerts": (),
        "chains": (),
        "entities": (),
        "processes": (),
        "places": (),
    }
    return Incident(**parts | changes)


def notice(key: str = "incident/inc-0001/high/1", level: str = "high", at: int = NOON) -> Notice:
    """Return a notice."""
    return Notice(key, "incident.found", level, f"[Carecordon {level}] {key}", "What\n.hidden dot\n", {"id": key}, at)


def row(number: int, level: str = "high", **changes: Any) -> NoticeRow:
    """Return a notice as it waits in the outbox."""
    parts: dict[str, Any] = {
        "number": number,
        "channel": "mail/ann",
        "key": f"{level}/1",
        "incident": number,
        "level": level,
        "subject": "",
        "body": encode(notice(f"incident/{number}/{level}/1", level)),
        "state": NoticeState.WAITING,
        "tries": 0,
        "made": NOON + number,
        "next_try": 0,
        "why": "",
        "digest": "",
        "is_repeat": False,
        "sent": None,
    }
    return NoticeRow(**parts | changes)
