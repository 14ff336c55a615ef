"""An example of every function that a question may use: each has to run on the store that we ship."""

from __future__ import annotations

from pathlib import Path


def lines_of(name: str) -> list[str]:
    """Return the lines of a file beside this one, without its heading."""
    return Path(__file__).with_name(name).read_text("utf-8").splitlines()[1:]


EXPRESSIONS = lines_of("expressions.sql")


def questions() -> list[str]:
    """Return a question for each expression."""
    return [f"SELECT {one} FROM events LIMIT 1" for one in EXPRESSIONS]  # noqa: S608  # constants of the test
