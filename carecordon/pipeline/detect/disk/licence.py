"""What a collection of rules may be used for: the licences that its licence file names."""

from __future__ import annotations

import re

NAMES = ("license", "licence", "copying")
"""What the name of a licence file begins with, in lower case."""
_KNOWN = (
    r"Detection Rule License(?: \(DRL\))?(?: 1\.[01])?",
    r"MIT License",
    r"Apache License,? Version 2\.0",
    r"BSD [0-4]-Clause(?: \"?[A-Z][a-z]+\"?)? License",
    r"GNU (?:Affero |Lesser |Library )?General Public License,? Version [0-9.]*[0-9]",
    r"Mozilla Public License,?(?: Version)? [0-9.]*[0-9]",
    r"Elastic License(?: [0-9.]*[0-9])?",
    r"Creative Commons [A-Z][A-Za-z-]+(?: [0-9.]*[0-9])?(?: [A-Z][a-z]+)?(?: Public)? License",
    r"CC0 1\.0 Universal",
)
_ANY = re.compile("|".join(_KNOWN), re.IGNORECASE)
_HEADING = re.compile(r"(?:the )?licen[cs]es?\W*", re.IGNORECASE)
_READ_CHARS = 4_000
"""Where a licence's name stands: what follows names others, if any, for other things."""


def is_licence(file: str) -> bool:
    """Return whether a file of this name (no folder) is a licence file."""
    return file.lower().startswith(NAMES)


def licence_in(text: bytes) -> str | None:
    """Return the licences that a licence file names, else its first line that says something; None if it is empty."""
    begin = text.decode("utf-8", "replace")[:_READ_CHARS]
    if found := list(dict.fromkeys(match[0] for match in _ANY.finditer(" ".join(begin.split())))):
        return ", ".join(found)
    lines = [stripped for line in begin.splitlines() if (stripped := line.strip("#*= \t\r"))]
    return next((line for line in lines if not _HEADING.fullmatch(line)), lines[0] if lines else None)
