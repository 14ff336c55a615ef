"""Exceptions: Sigma filters in a hub's rule folder, each with somebody who answers for it and a day when it ends.

An exception makes rules blind to something, so it must not outlive its reason. A file in the
folder that holds a filter says `owner: NAME` and `expires: YYYY-MM-DD` beside the filter's own
keys. Without them it is not used, and from that day on (UTC) not any more; both are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Sorted:
    """The rule files of a folder: those to be used, and of those that are not, why, as `path: reason`."""

    used: tuple[Path, ...]
    unused: tuple[str, ...]


def sort_files(files: Iterable[Path], today: date) -> Sorted:
    """Return which files are used today. A file that cannot be read is used: loading it says what is wrong with it."""
    used: list[Path] = []
    unused: list[str] = []
    for file in files:
        reason = _why_not(file, today)
        if reason is None:
            used.append(file)
        else:
            unused.append(f"{file}: {reason}")
    return Sorted(tuple(used), tuple(unused))


def rule_files(folder: Path) -> list[Path]:
    """Return the rule files in a folder, in order of their names; none where there is no such folder."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())


def _why_not(file: Path, today: date) -> str | None:
    """Return why a file is not used; None where it is."""
    for content in _filters(file):
        owner, expires = content.get("owner"), _day(content.get("expires"))
        if not isinstance(owner, str) or not owner.strip():
            return "an exception needs somebody who answers for it: add `owner: NAME`"
        if expires is None:
            return "an exception needs a day when it ends: add `expires: YYYY-MM-DD`"
        if expires <= today:
            return f"this exception of {owner.strip()} ended on {expires}: remove it, or give it another day"
    return None


def _filters(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the documents of a file that are filters."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return
        documents = list(yaml.safe_load_all(file.read_bytes()))
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return
    yield from (one for one in documents if isinstance(one, dict) and "filter" in one)


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
