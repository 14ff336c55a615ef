"""Times within sentences are told in the reader's zone, those within data stay."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from carecordon.report.format import View
from carecordon.report.formats.html import HTML
from carecordon.report.formats.jsonlines import JSONLINES
from carecordon.report.formats.terminal import TERMINAL
from carecordon.report.zoned import zoned
from tests.replacing import replace
from tests.report import outbreak

NEW_YORK = View(200, ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("It began at 2026-11-20 10:50 UTC on `x`.", "It began at 2026-11-20 05:50 EST on `x`."),
        ("cleared at 2026-11-20T03:59:17Z.", "cleared at 2026-11-19 22:59:17-05:00."),
        ("from 2026-07-20 10:50 UTC", "from 2026-07-20 06:50 EDT"),
        (
            "`at 2026-11-20T13:59:17Z` and 2026-11-20T13:59:17Z",
            "`at 2026-11-20T13:59:17Z` and 2026-11-20 08:59:17-05:00",
        ),
        ("2026-11-99 10:50 UTC", "2026-11-99 10:50 UTC"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("`2026-11-20T13:59:17Z", "`2026-11-20T13:59:17Z"),
    ],
)
def test_times_are_told_in_the_zone(text: str, told: str) -> None:
    assert zoned(text, NEW_YORK) == told
    assert zoned(text, View()) == text


def test_pages_tell_them_in_the_zone_and_json_in_utc() -> None:
    plain = outbreak.result()
    case = plain.cases[0]
    said = "seen at 2026-11-20T03:59:17Z"
    told = replace(case.story, summary=said, unknown=(said,), next_steps=(said,))
    spots = tuple(replace(spot, reason=said) for spot in plain.closing.unseen)
    result = replace(
        plain,
        cases=[replace(case, story=told, incident=case.incident)],
        closing=replace(plain.closing, unseen=spots),
    )
    for form in (TERMINAL, HTML):
        page = "".join(form.tell(result, NEW_YORK))
        assert said not in page
        assert page.count("seen at 2026-11-19 22:59:17-05:00") >= 4
    assert said in "".join(JSONLINES.tell(result, NEW_YORK))
