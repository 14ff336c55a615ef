"""Exceptions: Sigma filters in a hub's rule folder, each with somebody who answers for it and a day when it ends.

An exception makes rules blind to something, so it must not outlive its reason. A document in the
folder that is a filter says `owner: NAME` and `expires: YYYY-MM-DD` beside the filter's own
keys. Without them it is not used, and from that day on (UTC) not any more; both are told. Documents are read as the
loader of rules reads them, each alone: none is an exception for one of the two and something else for the other, and
what else its file holds is used whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from carecordon.pipeline.detect.sigma.documents import Broken, Document, read
from carecordon.pipeline.detect.sigma.texts import RuleText

SUFFIXES = (".yml", ".yaml")
_MARK = 3
"""Characters of what stands between documents."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rule files as they are to be used: their texts, and what was left out of them, as `path:line: reason`."""

    texts: tuple[RuleText, ...]
    unused: tuple[str, ...]


def sort_documents(texts: Iterable[RuleText], today: date) -> Sorted:
    """Return files without the exceptions that are not used today.

    What cannot be read stays in: loading says what is wrong with it, and does not use it.
    """
    used: list[RuleText] = []
    unused: list[str] = []
    for path, text in texts:
        spent: list[Document] = []
        for document in read(text):
            reason = None if isinstance(document, Broken) else _why_not(document.content, today)
            if reason is not None and isinstance(document, Document):
                spent.append(document)
                unused.append(f"{path}:{document.line}: {reason}")
        used.append(RuleText(path, _without(text, spent)))
    return Sorted(tuple(used), tuple(unused))


def rule_files(folder: Path) -> list[Path]:
    """Return the rule files in a folder, in order of their names; none where there is no such folder."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())


def _why_not(content: Any, today: date) -> str | None:
    """Return why a document is not used; None where it is, or where it is no exception."""
    if not isinstance(content, dict) or "filter" not in content or "correlation" in content:
        return None
    owner, expires = content.get("owner"), _day(content.get("expires"))
    if not isinstance(owner, str) or not owner.strip():
        return "an exception needs somebody who answers for it: add `owner: NAME`"
    if expires is None:
        return "an exception needs a day when it ends, one that there is: `expires: YYYY-MM-DD`"
    if expires <= today:
        return f"this exception of {owner.strip()} ended on {expires}: remove it, or give it another day"
    return None


def _without(text: bytes, documents: Sequence[Document]) -> bytes:
    """Return a file with these documents blank, so that all others stand on the lines on which they stood."""
    if not documents:
        return text
    lines = text.decode("utf-8-sig").split("\n")
    for document in documents:
        first = document.offset
        mark = lines[first][:_MARK]
        for line in range(first, first + document.source.count("\n") + (not document.source.endswith("\n"))):
            lines[line] = ""
        lines[first] = mark if mark in ("---", "...") else ""
    return "\n".join(lines).encode()


def _day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None
