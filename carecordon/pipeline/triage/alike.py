"""Texts that many matches have alike are held once: of ten thousand open units most say the same of most things."""

from __future__ import annotations

from msgspec.structs import force_setattr

from carecordon.model.event import Fields
from carecordon.model.match import Match

ROOM_BYTES = 16_000_000
"""So much is remembered before it is begun anew,"""
TEXT_BYTES = 150
"""what a text takes beside its characters counted."""
LONGEST = 2_000
"""Characters; what is longer is hardly ever said twice."""


class Alike:
    """The texts of late."""

    def __init__(self) -> None:
        """Begin with none."""
        self._texts: dict[str, str] = {}
        self._size = 0

    def share(self, match: Match) -> Match:
        """Return a match that was just read, and that nobody else has: its texts are those of others now."""
        for fields in (match.fields, match.carried, match.subject):
            self._share(fields)
        for name in ("file", "device", "channel"):
            text = getattr(match, name)
            if text is not None:
                force_setattr(match, name, self._text(text))
        return match

    def _share(self, fields: Fields) -> None:
        for name, value in fields.items():
            if type(value) is str:
                fields[name] = self._text(value)

    def _text(self, text: str) -> str:
        known = self._texts.get(text)
        if known is not None or len(text) > LONGEST:
            return known or text
        self._size += len(text) + TEXT_BYTES
        if self._size > ROOM_BYTES:
            self._texts.clear()
            self._size = len(text) + TEXT_BYTES
        self._texts[text] = text
        return text
