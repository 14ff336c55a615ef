"""No cell can be a formula, and a spreadsheet reads back what was written."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carecordon.model.match import CorrelationMatch
from carecordon.report.cells import CELL_CHARS, cell
from carecordon.report.format import View
from carecordon.report.formats.csv import COLUMNS, CSV, row
from tests.replacing import replace
from tests.report.sample import DUMP, LOGONS, match, result

FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
NASTY = st.text(alphabet=st.sampled_from("=+-@\t\r\n \"',;|a\x00\x1b\u200b\ufeff\uff1d\xa0"), max_size=12)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n@x", "\u200b=1", "\xa0-1", "\uff1dA1"]
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a=1", "4624", "C:\\x -enc", "'=1", "a\n=1"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert cell(text) == text


@given(st.one_of(st.text(), NASTY))
@example("=cmd|' /C calc'!A0")
def test_no_cell_starts_a_formula(text: str) -> None:
    made = cell(text)
    assert not made.lstrip("\ufeff\u200b\x00 \xa0\r\n\t\x1c\x1d\x1e\x1f\x85").startswith(tuple(FORMULA))
    assert not made.startswith(("\t", "\r", "\n"))


@given(st.lists(st.one_of(st.text(), NASTY), min_size=3, max_size=3))
def test_a_row_reads_back_as_its_cells(values: list[str]) -> None:
    path, name, value = values
    found = replace(match(DUMP, 1, device=path), fields={name: value})
    (cells,) = read(row(found))
    by_name = dict(zip(COLUMNS, cells, strict=True))
    assert by_name["device"] == cell(path)
    assert by_name["fields"] == cell(f"{name}={value}")


def test_the_file_has_a_mark_a_header_and_one_row_for_each_finding() -> None:
    text = "".join(CSV.tell(result(), View()))
    assert text.startswith("\ufeff")
    rows = read(text.removeprefix("\ufeff"))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + 45
    assert all(len(cells) == len(COLUMNS) for cells in rows)


def test_a_cell_holds_no_more_than_a_spreadsheet_takes() -> None:
    assert len(cell("x" * 100_000)) == CELL_CHARS
    assert cell("x" * CELL_CHARS) == "x" * CELL_CHARS


def test_of_very_many_places_the_first_are_named() -> None:
    found = CorrelationMatch(LOGONS, {}, 5000, 0, 0, tuple(("a.evtx", place) for place in range(1, 5001)))
    (cells,) = read(row(found))
    places = cells[COLUMNS.index("matches")].split("\n")
    assert (len(places), places[-1]) == (101, "and 4,900 more")
