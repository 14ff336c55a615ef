"""Times as events write them come out as the same nanosecond however they are spelt, or as none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.ingest.times import MAX_KEPT, Clockwork

SECOND = 1_795_568_523 * 10**9
"""2026-11-25T01:02:03Z."""


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-25T01:02:03Z", SECOND),
        ("2026-11-25 01:02:03", SECOND),
        ("2026-11-25T01:02:03.5Z", SECOND + 500_000_000),
        ("2026-11-25 01:02:03.123", SECOND + 123_000_000),
        ("2026-11-25T01:02:03.1234567Z", SECOND + 123_456_700),
        ("2026-11-25T01:02:03.123456789Z", SECOND + 123_456_789),
        ("2026-11-25T01:02:03.1234567891234Z", SECOND + 123_456_789),
        ("2026-11-25T02:02:03.5+01:00", SECOND + 500_000_000),
        ("2026-11-24T19:32:03.1234567-05:30", SECOND + 123_456_000),
        ("2026-11-25T02:02+01", SECOND - 3 * 10**9),
        ("20261125T0202+01:00", SECOND - 3 * 10**9),
        ("20261125T010203.123", SECOND + 123_000_000),
        ("2026-11-25", SECOND - 3_723 * 10**9),
        (" 2026-11-25T01:02:03Z ", SECOND),
        ("1969-12-31T23:59:59.999Z", -1_000_000),
        ("1700-01-01T00:00:00Z", -8_520_336_000 * 10**9),
        ("2262-01-01T00:00:00Z", 9_214_646_400 * 10**9),
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59.5-14:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-13-25T01:02:03Z", None),
        ("2026-11-25T25:02:03Z", None),
        ("2026-11-25T01:02:03.12x", None),
        ("2026-11-25T01:02:03.\u0665Z", None),
        ("2026-11-25T01:02:03 UTC", None),
        ("yesterday", None),
        ("", None),
        ("-", None),
        (None, None),
        (1_795_568_523, None),
        (["2026-11-25T01:02:03Z"], None),
    ],
)
def test_a_time_is_read(text: Any, time: int | None) -> None:
    assert Clockwork().utc_ns(text) == time
    used = Clockwork()
    for _ in range(2):
        assert used.utc_ns("2026-11-25T01:02:03.9Z") == SECOND + 900_000_000
        assert used.utc_ns(text) == time


TIMES = st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001  # given a zone below
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.lists(st.tuples(TIMES, ZONES, st.sampled_from("T ")), max_size=8))
def test_history_and_spelling_change_nothing(moments: list[tuple[datetime, timezone, str]]) -> None:
    clockwork = Clockwork()
    for naive, zone, separator in moments:
        moment = naive.replace(tzinfo=UTC)
        expected = round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000
        spellings = [
            naive.isoformat(separator),
            naive.isoformat(separator) + "Z",
            moment.astimezone(zone).isoformat(separator),
        ]
        for text in (*spellings, *spellings):
            assert clockwork.utc_ns(text) == expected


def test_what_is_remembered_is_bounded() -> None:
    clockwork = Clockwork()
    for number in range(MAX_KEPT + 50):
        assert clockwork.utc_ns(f"2026-11-25T01:02:03.{number:09}Z") == SECOND + number
        clockwork.utc_ns(f"2026-11-25T01:02:03.{number:0999}Z")
        assert clockwork.utc_ns(f"2026-11-25T01:02:03.{number % 1000:03}Z") == SECOND + number % 1000 * 1_000_000
        clockwork.utc_ns(str(datetime.fromtimestamp(number, UTC)))
    assert len(clockwork.fractions) == 1_002
    assert 0 < len(clockwork.seconds) <= MAX_KEPT
