"""A record that comes too often is counted instead of written."""

from __future__ import annotations

import pytest
import structlog

from carecordon.hub.log_rate import ALL_KEPT, LINES_PER_S, NANOSECONDS, Rate


def written(rate: Rate, kind: str, times: int, method: str = "info") -> int:
    count = 0
    for _ in range(times):
        try:
            rate(None, method, {"event": kind})
        except structlog.DropEvent:
            continue
        count += 1
    return count


def test_of_one_kind_so_many_a_second_and_then_how_many_were_left_out() -> None:
    now = [5]
    rate = Rate(lambda: now[0])
    assert written(rate, "refused", 1_000) == LINES_PER_S
    assert written(rate, "ready", 1) == 1, "another kind is not held back"
    now[0] += NANOSECONDS
    assert rate(None, "info", {"event": "refused", "why": "x"}) == {
        "event": "refused",
        "why": "x",
        "left_out": 1_000 - LINES_PER_S,
    }
    assert rate(None, "info", {"event": "refused"}) == {"event": "refused"}


@pytest.mark.parametrize(("kind", "method"), [("anything", "error"), (min(ALL_KEPT), "info")])
def test_errors_and_what_was_granted_are_all_written(kind: str, method: str) -> None:
    assert written(Rate(lambda: 0), kind, 100, method) == 100
