"""An incident as a notice: what, where, since when, what to do first, and its id.

Sees the incident and plain texts of its story; costs nothing. Of an event only what the story's summary says goes out:
no command line, no account but those that the summary names.
"""

from __future__ import annotations

from dataclasses import dataclass

from carecordon.model.incident import Incident
from carecordon.model.times import rfc3339
from carecordon.notify.notice import Notice
from carecordon.notify.plain import counted, one_line

FOUND = "incident.found"
WORSE = "incident.worse"
DEVICES_NAMED = 12
STEPS_TOLD = 3
_SUBJECT_CHARS = 160
_LINE_CHARS = 600
_NAME_CHARS = 80


@dataclass(frozen=True, slots=True)
class Texts:
    """What a story says, in plain sentences; empty where there is none."""

    summary: str = ""
    next_steps: tuple[str, ...] = ()


def compose(
    incident: Incident, texts: Texts, organisation: str, key: str, now: int, *, is_again: bool = False
) -> Notice:
    """Return the notice of an incident. `now` UTC ns; `is_again` where it was told before and got worse."""
    title = one_line(incident.title, _LINE_CHARS)
    where = _devices(incident)
    again = "Worse: " if is_again else ""
    on = counted(len(incident.devices), "device", "devices")
    subject = f"[Carecordon {incident.level.value}] {again}{title} ({on})"
    return Notice(
        key=key,
        kind=WORSE if is_again else FOUND,
        level=incident.level.value,
        subject=one_line(subject, _SUBJECT_CHARS),
        text=_text(incident, texts, one_line(organisation, _LINE_CHARS), where, again + title),
        data=_data(incident, texts, organisation),
        at=now,
    )


def _text(incident: Incident, texts: Texts, organisation: str, where: str, title: str) -> str:
    first, last = (rfc3339(time) or "time unknown" for time in (incident.first, incident.last))
    lines = [
        title,
        "",
        f"Level:    {incident.level.value} (score {incident.score.total:,})",
        f"Where:    {where}",
        f"Since:    {first}, last seen {last}",
        f"Incident: {incident.id} at {organisation}",
    ]
    if texts.summary:
        lines += ["", one_line(texts.summary, _LINE_CHARS)]
    steps = texts.next_steps[:STEPS_TOLD]
    if steps:
        lines += ["", "What to do first"]
        lines += [f"{place}. {one_line(step, _LINE_CHARS)}" for place, step in enumerate(steps, 1)]
    lines += ["", f"The whole story: carecordon hub incidents {incident.id}"]
    return "\n".join(lines) + "\n"


def _devices(incident: Incident) -> str:
    names = [one_line(device, _NAME_CHARS) for device in incident.devices[:DEVICES_NAMED]]
    rest = len(incident.devices) - len(names)
    told = ", ".join(names) + (f" and {rest:,} more" if rest else "")
    return told or "no device named"


def _data(incident: Incident, texts: Texts, organisation: str) -> dict[str, object]:
    return {
        "id": incident.id,
        "organisation": organisation,
        "title": incident.title,
        "level": incident.level.value,
        "score": incident.score.total,
        "devices": list(incident.devices[:DEVICES_NAMED]),
        "devices_total": len(incident.devices),
        "first": rfc3339(incident.first),
        "last": rfc3339(incident.last),
        "techniques": list(incident.techniques),
        "summary": texts.summary,
        "next_steps": list(texts.next_steps[:STEPS_TOLD]),
    }
