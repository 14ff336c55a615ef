"""Much is open and little is new: only what is new is told again."""

from __future__ import annotations

from carecordon.model.match import Level
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.score import Asset, Estate
from tests.pipeline.triage.grouping import HOUR, NOON, match

OPEN = 60


def opened(estate: Estate) -> Grouper:
    """Return a grouper in which one rule has matched on many devices, each an incident of its own."""
    grouper = Grouper(estate=estate, is_kept=True)
    grouper.feed([match("a", number, f"ws{number}", Level.LOW, Image=f"p{number}.exe") for number in range(OPEN)])
    assert len(grouper.settle()) == OPEN
    return grouper


def test_a_match_on_one_more_device_changes_no_other_incident() -> None:
    grouper = opened(Estate(1_000))
    grouper.feed([match("a", 0, "new", Level.LOW, Image="new.exe")])
    assert [incident.devices for incident in grouper.settle()] == [("new",)]


def test_where_a_rule_is_rare_no_more_its_incidents_are_told_again() -> None:
    grouper = opened(Estate(OPEN * 20))
    grouper.feed([match("a", 0, "new", Level.LOW, Image="new.exe")])
    assert len(grouper.settle()) == OPEN + 1


def test_one_more_device_in_the_estate_changes_no_incident_but_what_devices_are_for_does() -> None:
    grouper = opened(Estate(1_000))
    grouper.estate = Estate(1_001)
    assert grouper.settle() == []
    grouper.estate = Estate(1_001, {"ws1": Asset("theatre", "S3")})
    assert grouper.settle()


def test_how_rare_a_rule_is_goes_by_what_is_open() -> None:
    """What is kept says it after a restart too."""
    grouper = opened(Estate(1_000))
    grouper.feed([match("b", 60 * HOUR, "ws1")])
    assert grouper.spread() == {"a": OPEN, "b": 1}
    grouper.settle()
    assert grouper.spread() == {"b": 1}


def test_live_what_came_late_stays_open_for_two_days() -> None:
    grouper = Grouper(is_kept=True)
    grouper.now = NOON
    grouper.feed([match("a", 0, "right"), match("a", -900 * HOUR, "late")])
    grouper.settle()
    grouper.now = NOON + 47 * HOUR
    grouper.feed([match("a", -900 * HOUR + 1, "late")])
    (incident,) = grouper.settle()
    assert [alert.count for alert in incident.alerts] == [2]
    grouper.now = NOON + 96 * HOUR
    grouper.feed([match("a", 96 * HOUR, "right")])
    grouper.settle()
    assert grouper.spread() == {"a": 1}
