"""What a person may be called: what stands in every log and address as it was given, and is nobody else's name."""

from __future__ import annotations

MAX_CHARS = 100
LOCAL = "local:"
HUB = "hub"
"""Names of those who act without a token begin with the first, or are the second: nobody may be called so."""


def fault_of(name: str) -> str:
    """Return why nobody may be called so; '' where a person may."""
    if not 0 < len(name) <= MAX_CHARS or not name.isprintable():
        return f"a name has 1 to {MAX_CHARS} printable characters"
    if name != " ".join(name.split()):
        return "a name has single blanks between its words, and none around them"
    if "/" in name:
        return "a name has no / in it: it stands in addresses"
    if name.casefold() == HUB or name.casefold().startswith(LOCAL):
        return "this is the name of one who acts without a token"
    return ""
