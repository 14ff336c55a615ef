"""Cells and rows of CSV: no cell can be a formula, each is quoted, and none is longer than a spreadsheet takes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from carecordon.model.event import Fields, Value

BYTE_ORDER_MARK = "\ufeff"
CELL_CHARS = 32_767
"""What a cell of a spreadsheet holds. Source: Microsoft, Excel specifications and limits, 2025."""

_FORMULA = re.compile(r"[\s\x00-\x20\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""Source: OWASP, CSV injection: = + - @ tab CR; also their full-width forms, and behind white space."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def cell(text: str) -> str:
    """Return text that is safe as a cell: no formula, no control characters, not too long."""
    text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    if _FORMULA.match(text):
        text = "'" + text
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"


def line(cells: Iterable[str]) -> str:
    """Return one row with its line end."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def safe_line(columns: Iterable[str], cells: dict[str, str]) -> str:
    """Return one row of safe cells, empty where a column has none."""
    return line(cell(cells.get(column, "")) for column in columns)


def field_lines(fields: Fields) -> str:
    """Return `name=value`, one a line."""
    return "\n".join(f"{name}={cell_text(value)}" for name, value in fields.items())


def cell_text(value: Value) -> str:
    """Return a value as it stands in a cell: null as nothing, a list with commas."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(cell_text(item) for item in value)
    return str(value)
