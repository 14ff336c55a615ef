"""`carecordon bench hub`: a small fleet on a real hub, start to end, and what its figures are made of."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from carecordon.cli import bench_hub, bench_hub_stored
from carecordon.cli.bench_hub_found import Finds, event, share
from carecordon.cli.bench_hub_gauge import Gauge, Sample, counted
from carecordon.cli.bench_hub_load import Load, Phase
from carecordon.cli.bench_hub_proc import machine_s, own, used
from carecordon.exercise.fleet.fleet import Fleet, FleetConfig
from carecordon.exercise.life import Span
from carecordon.hub.pulse import Pulse
from tests.cli.calling import Call
from tests.exercise.fleet.playing import devices, tape
from tests.hub.gate_kit import Running, make_hub, running


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that only makes figures steadier be short."""
    monkeypatch.setattr(bench_hub, "MORNING", Span(9.0, 9.25))
    monkeypatch.setattr(bench_hub, "WARM_UP_S", 1.0)
    monkeypatch.setattr(bench_hub, "IDLE_S", 0.5)
    monkeypatch.setattr(bench_hub, "INGESTED", 40_000)
    monkeypatch.setattr(bench_hub_stored, "SETTLED_S", 3.0)


@pytest.mark.usefixtures("short")
def test_a_small_run_loses_nothing_and_finds_everything(tmp_path: Path) -> None:
    found = bench_hub.measure(bench_hub.Wanted(40, 0.1, (), tmp_path), _unheard)
    kept, finds = found["kept"], found["found"]
    assert found["written"] == found["acknowledged"] == kept["stored"] == kept["distinct"] > 0
    assert kept["lost"] == kept["twice"] == 0
    assert finds["planted"] == finds["found"] == 20
    assert [phase["load"] for phase in found["phases"]] == [1.0, 4.0, 10.0, 1.0]
    assert all(phase["hub_cores"].keys() >= {"gate", "worker-0", "keeper", "triage"} for phase in found["phases"])
    assert [phase["nominal_s"] for phase in found["phases"]] == [3.0, 1.2, 0.3, 1.5]
    assert found["gate_killed"]["online"] == 40
    assert found["gate_killed"]["fleet_cores"] > 0
    assert found["gate_killed"]["resumed"] == 40  # the new gate took the tickets of the one that was killed
    assert found["store"]["rows"] == kept["stored"]


def test_receipts_that_a_phase_never_saw_take_as_long_as_they_were_waited_for(tmp_path: Path) -> None:
    """A gate that stands still acknowledges nothing: the percentiles are of those who wait."""

    async def play(fleet: Fleet, gate: Running) -> dict[str, Any]:
        load = Load(fleet, Gauge(dict, dict[str, Pulse]), Finds(gate.hub.paths), 200.0, _unheard)
        async with fleet:
            await fleet.connect()
            told = await load.play(Phase("before", 1.0, 1.0))
            assert told["acknowledged_per_s"] > 0
            gate.process.send_signal(signal.SIGSTOP)
            told = await load.play(Phase("stopped", 1.0, 3.0))
            gate.process.send_signal(signal.SIGCONT)
            await load.close()
            return told

    hub = make_hub(tmp_path / "hub")
    with running(hub) as gate:
        fleet = Fleet(FleetConfig((tape(),), events_per_s=200.0), devices(gate, tmp_path / "fleet", 6))
        told = asyncio.run(play(fleet, gate))
    hub.register.close()
    assert told["waiting_batches"] > 6
    assert told["waiting_oldest_s"] > 1
    assert told["ack_p999_ms"] == pytest.approx(1_000 * told["waiting_oldest_s"], rel=0.03)
    assert told["ack_p999_ms"] >= told["ack_p99_ms"] > told["ack_p50_ms"]


@pytest.mark.usefixtures("short")
def test_what_the_gate_takes_in_is_kept(tmp_path: Path) -> None:
    found = bench_hub.measure_ingest(bench_hub.Wanted(10, 1.0, (), tmp_path), _unheard)
    assert found["acknowledged"] == found["events"] == found["kept"]["stored"] == found["kept"]["distinct"] == 40_000
    assert found["events_per_s"] > 0


def _unheard(_: str) -> None:
    """Take no notice."""


def test_a_bench_does_not_need_a_hub() -> None:
    """The command's other figures load none of the hub's code."""
    code = "import sys, carecordon.cli.bench; print([n for n in sys.modules if n.startswith('carecordon.hub')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_process_used_rises_with_its_work() -> None:
    before, machine = used(os.getpid()), machine_s()
    assert before is not None
    while time.process_time() < before.cpu_s + 0.1:
        sum(range(10_000))
    after = used(os.getpid())
    assert after is not None
    assert after.cpu_s > before.cpu_s
    assert after.rss > 0
    assert own(os.getpid()) > 0
    assert machine_s() > machine


def test_a_process_that_is_gone_used_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert used(gone.pid) is None
    assert own(gone.pid) == 0


def _sample(at: float, cpu: float, events: float, lag: float) -> Sample:
    figures = {"worker-0": {"events_total": events}, "gate": {"lag_s": lag, "messages_total": events / 2}}
    return Sample(at, {("worker-0", 7): cpu, ("gate", 8): cpu}, {"gate": 1 << 20}, {"gate": 1 << 19}, figures, at, 0.0)


def test_costs_are_told_for_each_event_and_each_message() -> None:
    gauge = Gauge(dict, dict[str, Pulse])
    first, middle, last = _sample(0.0, 1.0, 0.0, 0.0), _sample(5.0, 1.5, 500.0, 7.0), _sample(10.0, 2.0, 1_000.0, 1.0)
    gauge.samples += [first, middle, last]
    told = gauge.told(first, last)
    assert told["hub_cores"] == {"worker-0": 0.1, "gate": 0.1}
    assert told["hub_percent_of_2_cores"] == 10.0
    assert told["lag_max_s"] == 7.0
    assert told["costs"]["worker_us_per_event"] == 1_000.0
    assert told["costs"]["gate_us_per_message"] == 2_000.0
    assert told["others_cores"] == 0.8
    assert counted(first, middle, "worker", "events_total") == 500.0


@pytest.mark.parametrize(
    ("fleet", "others", "is_falsified"), [(0.95, 0.5, True), (0.3, 1.69, False), (0.5, 0.5, False)]
)
def test_a_figure_is_falsified_where_the_fleet_had_no_time_left(
    fleet: float, others: float, is_falsified: bool
) -> None:
    first = Sample(0.0, {}, {}, {}, {}, 100.0, 40.0)
    last = Sample(10.0, {}, {}, {}, {}, 100.0 + 10 * (fleet + others), 40.0 + 10 * fleet)
    told = Gauge(dict, dict[str, Pulse]).shared(first, last)
    assert told == {"fleet_cores": fleet, "hub_and_others_cores": others, "falsified": is_falsified}


@pytest.mark.parametrize(("part", "expected"), [(0.5, 2.0), (0.99, 4.0), (1.0, 4.0), (0.25, 1.0)])
def test_percentiles_are_of_what_was_seen(part: float, expected: float) -> None:
    assert share([1.0, 2.0, 3.0, 4.0], part) == expected
    assert share([], part) is None


def test_planted_events_are_told_apart() -> None:
    made = [event(number) for number in range(70_000)]
    assert len({one["ProcessGuid"] for one in made}) == len({one["User"] for one in made}) == len(made)


def test_what_is_no_number_of_devices_is_refused(call: Call) -> None:
    assert call("bench", "hub", "--devices", "3").status == 2
