"""A batch as one block: partitions held to the day of receipt, and faults that say whose event it was."""

from __future__ import annotations

import numpy as np
import pytest

from carecordon.model.errors import TheirFault
from carecordon.telemetry import native
from carecordon.telemetry.store import DAY, DAYS_AHEAD, DAYS_BACK, block_of, partition_days
from tests.telemetry.keeping import merged

NOW = 1_795_000_000_000_000_000
TODAY = NOW // DAY
YEARS = 3_652 * DAY


@pytest.mark.parametrize(
    ("time", "day"),
    [
        (NOW, TODAY),
        (NOW - DAY, TODAY - 1),
        (NOW - DAYS_BACK * DAY, TODAY - DAYS_BACK),
        (NOW - YEARS, TODAY - DAYS_BACK),
        (NOW + YEARS, TODAY + DAYS_AHEAD),
        (-(1 << 62), TODAY - DAYS_BACK),
    ],
)
def test_a_wrong_clock_makes_no_partitions(time: int, day: int) -> None:
    assert partition_days(np.array([time]), np.array([NOW])).tolist() == [day]


def test_text_that_is_no_unicode_is_told_with_its_sender() -> None:
    batch = merged([{"Image": "a"}, {"CommandLine": "\ud800"}], first=40)
    with pytest.raises(TheirFault, match=r"d-0/7:41: the field 'CommandLine'"):
        block_of(batch)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 1 << 20, (1 << 40) + 5])
def test_varint(number: int) -> None:
    made = native.varint(number)
    assert sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(made)) == number
    assert [byte >> 7 for byte in made] == [1] * (len(made) - 1) + [0]
