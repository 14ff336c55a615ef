"""The made-up results come out in every format exactly as it is kept beside this test.

To renew a golden file after a change that is meant: write what `told` returns to it, and read the difference.
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from carecordon.report.format import Format, View
from carecordon.report.formats.csv import CSV
from carecordon.report.formats.jsonlines import JSONLINES
from carecordon.report.formats.navigator import NAVIGATOR
from carecordon.report.formats.terminal import TERMINAL
from tests.report import outbreak
from tests.report.sample import result

GOLDEN = Path(__file__).parent / "golden"
KOLKATA = ZoneInfo("Asia/Kolkata")
CASES = [
    ("result.jsonl", JSONLINES, View(), False),
    ("result.csv", CSV, View(), False),
    ("terminal-60.txt", TERMINAL, View(60), True),
    ("terminal-100.txt", TERMINAL, View(100), False),
    ("terminal-160.txt", TERMINAL, View(160, KOLKATA), False),
]
INCIDENTS = [
    ("incidents-80.txt", TERMINAL, View(80)),
    ("incidents-120.txt", TERMINAL, View(120, KOLKATA)),
    ("incidents.layer.json", NAVIGATOR, View()),
]


def told(form: Format, view: View, partial: bool) -> bytes:
    return "".join(form.tell(result(partial=partial), view)).encode()


@pytest.mark.parametrize(("name", "form", "view", "partial"), CASES, ids=[case[0] for case in CASES])
def test_the_result_is_told_as_it_was(name: str, form: Format, view: View, partial: bool) -> None:
    assert told(form, view, partial).decode() == (GOLDEN / name).read_bytes().decode()


@pytest.mark.parametrize(("name", "form", "view"), INCIDENTS, ids=[case[0] for case in INCIDENTS])
def test_incidents_are_told_as_they_were(name: str, form: Format, view: View) -> None:
    assert "".join(form.tell(outbreak.result(), view)) == (GOLDEN / name).read_bytes().decode()


def test_programs_are_told_the_same_whatever_the_view() -> None:
    for form in (JSONLINES, CSV):
        assert told(form, View(40, KOLKATA), False) == told(form, View(), False)
