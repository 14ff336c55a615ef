"""Text from outside made fit for a message: one line, no character that hides, turns or ends anything, not too long."""

from __future__ import annotations

_CUT = "..."


def one_line(text: str, limit: int) -> str:
    """Return the text as one line of printable characters, cut at `limit`."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= limit else line[: limit - len(_CUT)] + _CUT


def counted(count: int, one: str, many: str) -> str:
    """Return a count with the right form of its word."""
    return f"{count:,} {one if count == 1 else many}"
