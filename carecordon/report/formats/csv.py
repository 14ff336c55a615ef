"""CSV for spreadsheets: one row for each match and correlation, in which no cell can be a formula.

UTF-8 with a byte order mark, since Excel reads a file without one in the local code page;
every cell quoted, lines ended with CR LF (RFC 4180), line breaks inside a cell kept. A cell
that a spreadsheet could take for a formula has an apostrophe before it (docs/output.md).
Cells hold for people, not for programs: those read the JSON lines.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from carecordon.model.event import Fields, Value
from carecordon.model.match import CorrelationMatch, Match
from carecordon.model.result import Result
from carecordon.model.times import rfc3339
from carecordon.report.format import Format, View

COLUMNS = (
    "type", "time", "until", "level", "title", "rule_id", "techniques", "device", "channel", "event_id", "record_id",
    "file", "position", "count", "group", "fields", "matches",
)  # fmt: skip
BYTE_ORDER_MARK = "\ufeff"
CELL_CHARS = 32_767
"""What a cell of a spreadsheet holds. Source: Microsoft, Excel specifications and limits, 2025."""
MEMBERS_SHOWN = 100

_FORMULA = re.compile(r"[\s\x00-\x20\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""Source: OWASP, CSV injection: = + - @ tab CR; also their full-width forms, and behind white space."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def tell(result: Result, _view: View) -> Iterator[str]:
    """Return the file piece by piece: the header with its byte order mark, then one row for each finding."""
    yield BYTE_ORDER_MARK + _row(COLUMNS)
    yield from map(row, result.findings)


def row(found: Match | CorrelationMatch) -> str:
    """Return one row with its line end."""
    cells = _match(found) if isinstance(found, Match) else _correlation(found)
    return _row(cell(cells.get(column, "")) for column in COLUMNS)


def cell(text: str) -> str:
    """Return text that is safe as a cell: no formula, no control characters, not too long."""
    text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    if _FORMULA.match(text):
        text = "'" + text
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


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
        "event_id": _text(match.event_id),
        "record_id": _text(match.record_id),
        "file": match.file,
        "position": str(match.position),
        "fields": _lines(match.fields),
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
        "count": _text(found.count),
        "group": _lines(found.group),
        "matches": "\n".join(shown),
    }


def _lines(fields: Fields) -> str:
    return "\n".join(f"{name}={_text(value)}" for name, value in fields.items())


def _text(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(_text(item) for item in value)
    return str(value)


CSV = Format("csv", tell)
