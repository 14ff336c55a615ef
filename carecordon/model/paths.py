"""A path as text that can be shown, whatever bytes its name is made of."""

from __future__ import annotations


def shown_path(path: str) -> str:
    r"""Return a path as valid Unicode: bytes of a name that are no UTF-8 read `\xff`, lone surrogates `\ud800`."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # as PEP 383 has it
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace").decode("utf-8")
