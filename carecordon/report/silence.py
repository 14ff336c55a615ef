"""Why nothing was seen: blind spots in plain words, the gravest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from carecordon.model.match import BlindSpot, Unseen
from carecordon.model.result import Closing
from carecordon.report.format import View
from carecordon.report.visible import shortened, visible
from carecordon.report.zoned import zoned

LINES_SHOWN = 10
_LINE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Topic:
    """One sort of blindness: what it is, what it means for the reader, and the cases, fit for a terminal."""

    title: str
    meaning: str
    lines: tuple[str, ...]


_WORDS: dict[Unseen, tuple[str, str, str]] = {
    Unseen.CLEARED: (
        "Logs that were cleared",
        "Someone may have wiped their tracks: what stood in these logs before is gone.",
        "",
    ),
    Unseen.FILE: (
        "Files that could not be read, wholly or in part",
        "What they hold was not checked.",
        "",
    ),
    Unseen.RECORD: (
        "Events that could not be read",
        "They were skipped; the events around them were checked.",
        "events",
    ),
    Unseen.GAP: (
        "Records missing from logs",
        "They were deleted, written over, or left out when the logs were collected.",
        "records",
    ),
    Unseen.CLOCK: (
        "Clocks",
        "Times and orders around these points may be wrong.",
        "",
    ),
    Unseen.LOGSOURCE: (
        "Logs that rules need and that are not here",
        "That these rules found nothing says nothing.",
        "rules",
    ),
    Unseen.FIELD: (
        "Fields that rules ask for and no event carries",
        "These rules cannot match; the logging of the device may have to be turned up.",
        "rules",
    ),
    Unseen.ASSET: (
        "Devices that the list of devices does not name",
        "What they serve is not known here: ask before one of them is cut off.",
        "",
    ),
}
"""Title, meaning, and what `count` counts, in the order of gravity."""


def silence(closing: Closing, view: View) -> list[Topic]:
    """Return all topics that have a case, the gravest first; times in the reader's zone."""
    topics = []
    for kind, (title, meaning, unit) in _WORDS.items():
        spots = [spot for spot in closing.unseen if spot.kind is kind]
        if unit:
            spots.sort(key=lambda spot: (spot.count is not None, -(spot.count or 0)))
        if spots:
            lines = _lines(in_a_line(spot, unit, view) for spot in spots)
            topics.append(Topic(f"{title} ({len(spots):,})", meaning, lines))
    return topics + _rules(closing)


def _rules(closing: Closing) -> list[Topic]:
    topics = []
    if not closing.summary.rules_ready:
        topics.append(Topic("No rule ran", "Nothing was looked for: name rules that are ready with --rules.", ()))
    if closing.refused:
        title = f"Rules that will not run ({len(closing.refused):,})"
        topics.append(Topic(title, "What they look for was not looked for.", _lines(map(str, closing.refused))))
    if closing.summary.rules_dormant:
        title = f"Rules that are dormant ({closing.summary.rules_dormant:,})"
        topics.append(Topic(title, "No log that we know serves them; `carecordon rules list` names them.", ()))
    return topics


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    lines = [shortened(visible(text), _LINE_CHARS) for text in texts]
    if len(lines) > LINES_SHOWN + 1:
        lines[LINES_SHOWN:] = [f"{len(lines) - LINES_SHOWN:,} more; all with --json"]
    return tuple(lines)


def in_a_line(spot: BlindSpot, unit: str = "", view: View | None = None) -> str:
    """Return one case in a line: where, why, and how many of `unit`; times in the reader's zone."""
    place = spot.file or ""
    if place and spot.position is not None:
        place += f" event {spot.position:,}"
    where = ", ".join(part for part in (spot.device, place) if part)
    many = f" ({spot.count:,} {unit})" if unit and spot.count is not None and spot.count != 1 else ""
    return (f"{where}: " if where else "") + zoned(spot.reason, view or View()) + many
