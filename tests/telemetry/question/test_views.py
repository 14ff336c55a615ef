"""What is published is written down, and what is written down is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.telemetry.question.functions import FUNCTIONS
from carecordon.telemetry.question.views import HIDDEN, VIEWS, View

MANUAL = (Path(__file__).parents[3] / "docs" / "questions.md").read_text("utf-8")


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: str(view.name))
def test_each_view_stands_in_the_manual_with_its_columns(view: View) -> None:
    _, _, chapter = MANUAL.partition(f"### {view.name}\n")
    chapter = chapter.partition("\n#")[0]
    assert {name for name in view.names if f"`{name}`" not in chapter} == set()


def test_each_function_stands_in_the_manual() -> None:
    assert {name for name in FUNCTIONS if f"`{name}`" not in MANUAL} == set()


def test_what_is_hidden_is_no_part_of_a_star() -> None:
    assert HIDDEN.isdisjoint(VIEWS["events"].starred)
    assert VIEWS["events"].names >= HIDDEN
