"""What devices are for, from a list that a person keeps: a CSV file with a head line."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from carecordon.model.errors import TheirFault
from carecordon.pipeline.triage.score import IMPACT, Asset

NEEDED = ("device", "class", "impact")


def read_assets(path: Path) -> Mapping[str, Asset]:
    """Return device (lower case) to asset. Other columns are left alone.

    Raises TheirFault, with path and line, if the file cannot be read, lacks a column, or names an impact class
    other than S0 to S3.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or ()
            if missing := [name for name in NEEDED if name not in names]:
                needed = ", ".join(NEEDED)
                raise TheirFault(f"{path}:1: no column '{missing[0]}'; the first line must name {needed}")
            return dict(_asset(path, rows.line_num, row) for row in rows)
    except OSError as fault:
        raise TheirFault(f"{path}: cannot be read: {fault.strerror}") from fault
    except (UnicodeDecodeError, csv.Error) as fault:
        raise TheirFault(f"{path}: no CSV in UTF-8: {fault}") from fault


def _asset(path: Path, line: int, row: Mapping[str, str | None]) -> tuple[str, Asset]:
    device, kind, impact = ((row[name] or "").strip() for name in NEEDED)
    if not device:
        raise TheirFault(f"{path}:{line}: no device is named in this line")
    if impact.upper() not in IMPACT:
        raise TheirFault(f"{path}:{line}: impact class '{impact}' of {device}: write one of {', '.join(IMPACT)}")
    return device.lower(), Asset(kind, impact.upper())
