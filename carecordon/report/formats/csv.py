"""CSV for spreadsheets: one row for each match and correlation, in which no cell can be a formula.

UTF-8 with a byte order mark, since Excel reads a file without one in the local code page;
every cell quoted, lines ended with CR LF (RFC 4180), line breaks inside a cell kept. A cell
that a spreadsheet could take for a formula has an apostrophe before it (docs/output.md).
Cells hold for people, not for programs: those read the JSON lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from carecordon.model.match import CorrelationMatch, Match
from carecordon.model.result import Result
from carecordon.model.times import rfc3339
from carecordon.report.cells import BYTE_ORDER_MARK, cell_text, field_lines, line, safe_line
from carecordon.report.format import Format, View

COLUMNS = (
    "type", "time", "until", "level", "title", "rule_id", "techniques", "device", "channel", "event_id", "record_id",
    "file", "position", "count", "group", "fields", "matches",
)  # fmt: skip
MEMBERS_SHOWN = 100


def tell(result: Result, _view: View) -> Iterator[str]:
    """Return the file piece by piece: the header with its byte order mark, then one row for each finding."""
    yield BYTE_ORDER_MARK + line(COLUMNS)
    yield from map(row, result.findings)


def row(found: Match | CorrelationMatch) -> str:
    """Return one row with its line end."""
    cells = _match(found) if isinstance(found, Match) else _correlation(found)
    return safe_line(COLUMNS, cells)


def _match(match: Match) -> dict[str, str]:
    return {
        "type": "match",
        "time": rfc3339(match.time) or "",
        "level": match.rule.level.value,
        "title": match.rule.title,
        "rule_id": match.rule.id,
        "techniques": " ".join(match.rule.techniques),
        "device": match.device or "",
        "channel": match.channel or "",
        "event_id": cell_text(match.event_id),
        "record_id": cell_text(match.record_id),
        "file": match.file,
        "position": str(match.position),
        "fields": field_lines(match.fields),
    }


def _correlation(found: CorrelationMatch) -> dict[str, str]:
    shown = [f"{file}:{position}" for file, position in found.members[:MEMBERS_SHOWN]]
    if len(found.members) > MEMBERS_SHOWN:
        shown.append(f"and {len(found.members) - MEMBERS_SHOWN:,} more")
    return {
        "type": "correlation",
        "time": rfc3339(found.start) or "",
        "until": rfc3339(found.end) or "",
        "level": found.rule.level.value,
        "title": found.rule.title,
        "rule_id": found.rule.id,
        "techniques": " ".join(found.rule.techniques),
        "count": cell_text(found.count),
        "group": field_lines(found.group),
        "matches": "\n".join(shown),
    }


CSV = Format("csv", tell)
