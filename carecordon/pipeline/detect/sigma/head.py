"""What every Sigma document says of itself: id, name, title, level, techniques, log source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from carecordon.model.event import LogSource
from carecordon.model.match import Level
from carecordon.pipeline.detect.sigma.refusal import BadRule

MAX_TITLE = 256
"""Source: Sigma rules specification 2.1, Title."""

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_TACTIC = re.compile(r"attack\.([a-z]+(?:[_-][a-z]+)*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """`given_id` and `name` are None or '' where the document has none."""

    given_id: str | None
    name: str
    title: str
    level: str
    techniques: tuple[str, ...]
    tactics: tuple[str, ...] = ()
    triage: tuple[str, ...] = ()
    benign: tuple[str, ...] = ()

    def id_or(self, place: str) -> str:
        """Return the id under which the rule is known: its own, else its name, else its place."""
        return self.given_id or self.name or place


def read_head(content: dict[str, Any]) -> Head:
    """Return the head of a document. Raises BadRule for a title, id, name or level that is none."""
    title = _text(content, "title")
    if not title:
        raise BadRule("the rule has no `title`; give it one", "title")
    if len(title) > MAX_TITLE:
        raise BadRule(f"the title is longer than {MAX_TITLE} characters", "title", at_value=True)
    level = (_text(content, "level") or Level.LOW.value).lower()
    if level not in set(Level):
        levels = ", ".join(Level)
        raise BadRule(f"`{level}` is no level; the levels are {levels}", "level", at_value=True)
    return Head(
        given_id=given_id(content),
        name=_text(content, "name"),
        title=title,
        level=level,
        techniques=_techniques(content.get("tags")),
        tactics=_tactics(content.get("tags")),
        triage=_sentences(content.get("triage")),
        benign=_sentences(content.get("falsepositives")),
    )


def given_id(content: dict[str, Any]) -> str | None:
    """Return the document's own id, or None."""
    return _text(content, "id") or None


def read_logsource(content: dict[str, Any]) -> LogSource:
    """Return the log source, lower case. Raises BadRule if there is none or it names nothing."""
    source = content.get("logsource")
    if not isinstance(source, dict):
        raise BadRule("the rule has no `logsource` with a product, category or service", "logsource")
    parts: dict[str, str | None] = {}
    for part in LogSource._fields:
        try:
            parts[part] = _text(source, part).lower() or None
        except BadRule as bad:
            raise bad.under("logsource") from bad
    if not any(parts.values()):
        raise BadRule("the log source names neither product, category nor service", "logsource")
    return LogSource(**parts)


def _text(content: dict[str, Any], key: str) -> str:
    """Return the text of a key, '' if it is absent or null."""
    value = content.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRule(f"`{key}` must be text", key, at_value=True)
    return str(value).strip()


def _sentences(given: Any) -> tuple[str, ...]:
    """Return the texts of a list, or one text; anything else says nothing about what matches, and is left alone."""
    sentences = given if isinstance(given, list) else [given]
    return tuple(one.strip() for one in sentences if isinstance(one, str) and one.strip())


def _techniques(tags: Any) -> tuple[str, ...]:
    """Return the ATT&CK techniques among the tags, in capitals; other tags say nothing about what matches."""
    return tuple(dict.fromkeys(found.upper() for found in _tagged(_TECHNIQUE, tags)))


def _tactics(tags: Any) -> tuple[str, ...]:
    """Return the ATT&CK tactics among the tags by their short names, which older rules write with underscores."""
    return tuple(dict.fromkeys(found.lower().replace("_", "-") for found in _tagged(_TACTIC, tags)))


def _tagged(pattern: re.Pattern[str], tags: Any) -> list[str]:
    given = tags if isinstance(tags, list) else [tags]
    found = (pattern.fullmatch(tag) for tag in given if isinstance(tag, str))
    return [match.group(1) for match in found if match]
