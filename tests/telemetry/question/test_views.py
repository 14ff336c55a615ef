"""What is published is written down, and what is written down is published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from carecordon.telemetry.question.functions import FUNCTIONS
from carecordon.telemetry.question.prepared import Rebuilt
from carecordon.telemetry.question.rebuild import rebuild
from carecordon.telemetry.question.views import HIDDEN, VIEWS, View

ROOT = Path(__file__).parents[3]
MANUAL = (ROOT / "docs" / "questions.md").read_text("utf-8")
SHOWN = re.compile(r'hub ask "(SELECT [A-Za-z][^"]*)"|```sql\n(.+?)```', re.DOTALL)


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: str(view.name))
def test_each_view_stands_in_the_manual_with_its_columns(view: View) -> None:
    _, _, chapter = MANUAL.partition(f"### {view.name}\n")
    chapter = chapter.partition("\n#")[0]
    assert {name for name in view.names if f"`{name}`" not in chapter} == set()


def test_each_function_stands_in_the_manual() -> None:
    assert {name for name in FUNCTIONS if f"`{name}`" not in MANUAL} == set()


def test_each_question_that_the_manual_shows_is_one() -> None:
    shown = [one or other for one, other in SHOWN.findall((ROOT / "README.md").read_text("utf-8") + MANUAL)]
    assert len(shown) >= 2
    for sql in shown:
        assert isinstance(rebuild(sql), Rebuilt), (sql, rebuild(sql))


def test_what_is_hidden_is_no_part_of_a_star() -> None:
    assert HIDDEN.isdisjoint(VIEWS["events"].starred)
    assert VIEWS["events"].names >= HIDDEN
