"""What devices are for, from a list that a person keeps: a CSV file with a head line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from carecordon.model.errors import TheirFault
from carecordon.model.match import BlindSpot, Unseen
from carecordon.pipeline.triage.score import IMPACT, Asset, Estate

NEEDED = ("device", "class", "impact")
NAMED = 5
"""Devices that the list lacks and that are named."""


def read_assets(path: Path) -> Mapping[str, Asset]:
    """Return device (lower case) to asset. Other columns are left alone.

    Raises TheirFault, with path and line, if the file cannot be read, lacks a column, names an impact class
    other than S0 to S3, gives one device two of them, or names no device.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or ()
            if missing := [name for name in NEEDED if name not in names]:
                raise TheirFault(f"{path}:1: no column '{missing[0]}'; {_advice(names)}")
            return _listed(path, rows)
    except OSError as fault:
        raise TheirFault(f"{path}: cannot be read: {fault.strerror}") from fault
    except (UnicodeDecodeError, csv.Error) as fault:
        raise TheirFault(f"{path}: no CSV in UTF-8: {fault}; save it as CSV UTF-8") from fault


def unlisted(devices: Iterable[str], estate: Estate) -> list[BlindSpot]:
    """Return one blind spot for the devices that the list does not name; none where there is no list, or it has all."""
    every = sorted(devices)
    missing = [device for device in every if estate.asset(device) is None]
    if not estate.assets or not missing:
        return []
    if len(missing) == len(every):
        which = f"none of the {len(every):,} devices of these events is" if len(every) > 1 else "the only device is not"
    else:
        which = f"{len(missing):,} of {len(every):,} devices of these events {'is' if len(missing) == 1 else 'are'} not"
    named = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else "")
    return [BlindSpot(Unseen.ASSET, f"{which} in the list of devices: {named}", count=len(missing))]


def _advice(names: Sequence[str]) -> str:
    """Return what the first line must be; some spreadsheets write semicolons, or UTF-16."""
    if any("\0" in name for name in names):
        return "save it as CSV UTF-8"
    if any(sign in name for name in names for sign in ";\t"):
        return f"save it with commas between the columns: {', '.join(NEEDED)}"
    return f"the first line must name {', '.join(NEEDED)}, with commas between"


def _listed(path: Path, rows: csv.DictReader[str]) -> Mapping[str, Asset]:
    assets: dict[str, Asset] = {}
    lines: dict[str, int] = {}
    for row in rows:
        device, asset = _asset(path, rows.line_num, row)
        known = assets.setdefault(device, asset)
        if known.impact != asset.impact:
            before = f"{known.impact} in line {lines[device]}"
            raise TheirFault(f"{path}:{rows.line_num}: {device} is {asset.impact} here and {before}: keep one of them")
        lines.setdefault(device, rows.line_num)
    if not assets:
        raise TheirFault(f"{path}: no device is listed; write one on each line after the first")
    return assets


def _asset(path: Path, line: int, row: Mapping[str, str | None]) -> tuple[str, Asset]:
    device, kind, impact = ((row[name] or "").strip() for name in NEEDED)
    if not device:
        raise TheirFault(f"{path}:{line}: no device is named in this line")
    if impact.upper() not in IMPACT:
        raise TheirFault(f"{path}:{line}: impact class '{impact}' of {device}: write one of {', '.join(IMPACT)}")
    return device.lower(), Asset(kind, impact.upper())
