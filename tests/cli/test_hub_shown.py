"""What stands in one line stays one line: few devices of many, by their short names."""

from __future__ import annotations

import pytest
from rich.console import Console

from carecordon.cli.hub_shown import PLACES, placed, where
from carecordon.cli.hub_watch import Scene, in_a_line, picture


def incident(names: list[str], total: int) -> dict[str, object]:
    return {
        "number": 7, "level": "high", "title": "A story", "devices": names, "devices_total": total,
        "last": "2026-11-27T12:00:00.000000Z", "summary": "Something happened.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "total", "said"),
    [
        ([], 0, ""),
        (["WARD3-PC.example.org"], 1, "WARD3-PC"),
        (["192.0.2.7", "2001:db8::7", ".example.org"], 3, "192.0.2.7, 2001:db8::7, .example.org"),
        ([f"pc-{number}.example.org" for number in range(5)], 5, "pc-0, pc-1, pc-2, pc-3, pc-4"),
        ([f"pc-{number}.example.org" for number in range(20)], 1_054, "pc-0, pc-1, pc-2, pc-3, pc-4 and 1,049 more"),
    ],
)
def test_few_devices_are_named_and_the_others_counted(names: list[str], total: int, said: str) -> None:
    row = incident(names, total)
    assert where(row) == said
    assert placed(row)["devices"] == said
    assert row["devices"] == names, "what a program gets is whole"


def test_the_view_names_no_more_of_them() -> None:
    line = in_a_line(incident([f"pc-{number}.example.org" for number in range(20)], 54)).plain
    assert "(54 devices: pc-0, pc-1, pc-2, pc-3, pc-4 and 49 more)" in line
    assert line.count("pc-") == PLACES


def test_the_view_names_each_process_that_is_not_at_work() -> None:
    states = {"api": "alive", "carry": "down", "gate": "starting", "keeper": "silent", "triage": "starting"}
    status = {
        "organisation": {"name": "Westpark", "ods": "RX1"}, "at": "2026-11-27T12:00:00.000000Z",
        "now": {"agents_online": None, "events_per_s": None, "lag_s": None}, "incidents": {}, "troubles": [],
        "processes": [{"name": name, "state": state} for name, state in states.items()],
    }  # fmt: skip
    screen = Console(width=100)
    with screen.capture() as seen:
        screen.print(picture(Scene(status)))
    lines = [line.strip() for line in seen.get().splitlines()]
    assert [line for line in lines if line.startswith(("did", "not", "starting"))] == [
        "did not come up: carry",
        "not speaking: keeper",
        "starting: gate, triage",
    ]
