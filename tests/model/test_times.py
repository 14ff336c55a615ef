"""Times and spans are written one way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.times import rfc3339, span_text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_795_568_523_123_456_999, "2026-11-25T01:02:03.123456Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (-62_135_596_800_000_000_000, "0001-01-01T00:00:00.000000Z"),
        (-62_135_596_800_000_000_001, None),
        (253_402_300_800_000_000_000, None),
        (2**200, None),
        (None, None),
    ],
)
def test_a_time_is_written_as_rfc_3339(time: int | None, text: str | None) -> None:
    assert rfc3339(time) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_microsecond_reads_back(moment: datetime) -> None:
    past = moment - datetime(1970, 1, 1, tzinfo=UTC)
    text = rfc3339(((past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds) * 1000)
    assert text is not None
    assert datetime.fromisoformat(text) == moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "under 1 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (250, "4 min 10 s"),
        (11_400, "3 h 10 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_span_is_told_in_two_units(seconds: float, text: str) -> None:
    assert span_text(seconds) == text
