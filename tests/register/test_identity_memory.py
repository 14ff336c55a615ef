"""An alert that was told before is not packed again, and one that changed is."""

from __future__ import annotations

from carecordon.model.match import Match
from carecordon.register.identity import AlertMemory, told
from tests.pipeline.triage.grouping import SECOND, grouped, match
from tests.replacing import replace


def nobody(_: Match) -> str:
    return ""


def test_what_is_remembered_is_what_would_be_told() -> None:
    (incident,) = grouped(*(match(name, 0, Image=f"{name}.exe") for name in ("a", "b", "c")))
    assert len(incident.alerts) == 3
    memory = AlertMemory()
    assert told(incident, "XX1", nobody, memory) == told(incident, "XX1", nobody)
    assert told(incident, "XX1", nobody, memory) == told(incident, "XX1", nobody)
    first, *rest = incident.alerts
    more = replace(incident, alerts=(replace(first, count=7, last=first.last + SECOND), *rest))
    assert told(more, "XX1", nobody, memory) == told(more, "XX1", nobody)


def test_memory_has_an_end() -> None:
    incidents = grouped(*(match("a", one * 40 * 3_600 * SECOND, f"ws{one}") for one in range(5)))
    memory = AlertMemory(2)
    for incident in incidents:
        told(incident, "XX1", nobody, memory)
    assert [memory.get(incident.alerts[0]) is None for incident in incidents] == [True, True, True, False, False]
