"""docs/exercise.md tells the steps and oddities that the code has; `python -m tests.exercise.test_docs` renews it."""

from __future__ import annotations

import re
from pathlib import Path

from carecordon.exercise.oddities import all_oddities
from carecordon.exercise.scenarios import all_scenarios

PAGE = Path(__file__).parents[2] / "docs" / "exercise.md"
TABLE = re.compile(r"(?<=\|---\|---\|---\|---\|\n)(?:\|.*\n)*")
LIST = re.compile(r"(?<=look bad:\n)(?:.*\n)*?(?=\n## )")


def _rows(name: str) -> str:
    steps = all_scenarios()[name].steps
    return "".join(f"| {one.number} | {one.name} | {one.what} | {', '.join(one.techniques)} |\n" for one in steps)


def _told() -> str:
    """Return the page as the code would have it."""
    text = PAGE.read_text("utf-8")
    for name in ("friday", "hands-on"):
        start = text.index(f"\n## {name}\n")
        head, rest = text[:start], text[start:]
        found = TABLE.search(rest)
        assert found is not None
        text = head + rest[: found.start()] + _rows(name) + rest[found.end() :]
    oddities = "".join(f"- {one.title}\n" for one in sorted(all_oddities(), key=lambda one: one.title.lower()))
    return LIST.sub(lambda _: oddities, text)


def test_the_page_tells_what_the_code_does() -> None:
    assert PAGE.read_text("utf-8") == _told(), "write it anew: python -m tests.exercise.test_docs"


if __name__ == "__main__":
    PAGE.write_text(_told(), "utf-8")
