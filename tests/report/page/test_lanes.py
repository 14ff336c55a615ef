"""A picture of thousands of alerts has as few marks as one can tell apart, and loses none of what they count."""

from __future__ import annotations

import re

from carecordon.model.match import Level
from carecordon.report.format import View
from carecordon.report.page.bounds import WHOLE
from carecordon.report.page.lanes import lanes
from tests.replacing import replace
from tests.report import outbreak


def marks(times: int) -> list[tuple[str, str]]:
    """Return level and words of each mark, of an incident whose alerts each come so many times."""
    case = outbreak.result().cases[0]
    incident = case.incident
    alerts = tuple(
        replace(alert, first=alert.first + number * 1_000_000, last=max(alert.last, alert.first + number * 1_000_000))
        for alert in incident.alerts
        for number in range(times)
    )
    drawn = lanes(replace(case, incident=replace(incident, alerts=alerts, chains=())), "i", {}, View(), WHOLE)
    return re.findall(r'class="mark l-(\w+)"[^>]*><title>([^<]*)', str(drawn))


def test_each_alert_has_a_mark_where_they_are_few() -> None:
    drawn = marks(1)
    assert len(drawn) == len(outbreak.result().cases[0].incident.alerts)
    assert not [what for _, what in drawn if "the worst of" in what]


def test_many_close_together_are_one_mark_of_the_worst() -> None:
    drawn = marks(2_000)
    assert len(drawn) <= WHOLE.marks * WHOLE.lanes
    counted = sum(int(number.replace(",", "")) for _, what in drawn for number in re.findall(r"([\d,]+) counted", what))
    assert counted == 2_000 * sum(alert.count for alert in outbreak.result().cases[0].incident.alerts)
    assert {level for level, _ in drawn} <= {level.value for level in Level}
    assert any("the worst of" in what for _, what in drawn)
