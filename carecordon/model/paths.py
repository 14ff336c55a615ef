"""A path as text that can be shown, whatever bytes its name is made of."""

from __future__ import annotations


def shown_path(path: str) -> str:
    """Return a path as valid Unicode: bytes of a name that are none are written as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
