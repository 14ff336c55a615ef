"""A process that never came up is missed: the supervisor says whom it starts, and what became of them."""

from __future__ import annotations

import sys
from pathlib import Path

from carecordon.hub.crew import Crew, Roll, State, muster, read_crew
from carecordon.hub.main import Job, Supervisor
from carecordon.hub.pulse import Pulse

NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


def pulse(name: str, ago_s: int) -> Pulse:
    return Pulse(name, 7, NOW - 100 * SECOND, NOW - ago_s * SECOND, {})


def test_each_that_ought_to_be_there_is_told_of() -> None:
    crew = Crew({"gate": "", "keeper": "ended with status 1", "triage": "", "worker-0": "was ended by signal 9"})
    told = muster(crew, [pulse("triage", 1), pulse("worker-0", 60), pulse("api", 1)], NOW)
    assert [(one.name, one.state) for one in told] == [
        ("api", State.ALIVE),
        ("gate", State.STARTING),
        ("keeper", State.DOWN),
        ("triage", State.ALIVE),
        ("worker-0", State.SILENT),
    ]
    assert {one.name: one.fault for one in told if one.fault} == {
        "keeper": "ended with status 1",
        "worker-0": "was ended by signal 9",
    }


def test_without_a_supervisor_those_that_spoke_are_told_of(tmp_path: Path) -> None:
    assert read_crew(tmp_path) is None
    (tmp_path / "crew.json").write_bytes(b"{")
    assert read_crew(tmp_path) is None
    assert [one.name for one in muster(None, [pulse("api", 1)], NOW)] == ["api"]


def test_what_went_wrong_is_written_down_until_it_is_ready(tmp_path: Path) -> None:
    roll = Roll(tmp_path, ["gate", "keeper"])
    assert read_crew(tmp_path) == Crew({"gate": "", "keeper": ""})
    roll.tell("keeper", "ended with status 1")
    assert read_crew(tmp_path) == Crew({"gate": "", "keeper": "ended with status 1"})
    roll.tell("keeper", "ready")
    assert read_crew(tmp_path) == Crew({"gate": "", "keeper": ""})


def test_a_supervisor_says_so_of_what_ends_at_once(tmp_path: Path) -> None:
    jobs = [Job("dies", (sys.executable, "-c", "raise SystemExit(7)"))]
    roll = Roll(tmp_path, ["dies"])
    supervisor = Supervisor(jobs, tmp_path / "logs", roll.tell)
    supervisor.start()
    try:
        while not (crew := read_crew(tmp_path)) or not crew.faults["dies"]:
            supervisor.look(0.05)
    finally:
        supervisor.stop()
    assert crew.faults["dies"].startswith("ended with status 7; it is started again")
    (one,) = muster(crew, [], NOW)
    assert one.state is State.DOWN


def test_a_full_disk_ends_nobody(tmp_path: Path) -> None:
    roll = Roll(tmp_path, ["gate"])
    (tmp_path / "crew.new").mkdir()
    roll.tell("gate", "ended with status 1")
    assert read_crew(tmp_path) == Crew({"gate": ""})
