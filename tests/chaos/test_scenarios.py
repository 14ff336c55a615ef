"""The short form of `make chaos`: every scenario once, as hard as a run of all tests can afford."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carecordon.exercise.fleet.ledger import acknowledged, read_ledger
from carecordon.hub.pulse import read_pulses
from carecordon.stream.partition import partition_of
from tests.chaos import __main__ as command
from tests.chaos import kills, power_spool, power_store
from tests.chaos.checker import check
from tests.chaos.load import Load, Played, play
from tests.chaos.outcome import SHORT, Options, Outcome
from tests.chaos.scenarios import IN_MEMORY, SCENARIOS
from tests.chaos.trust import trust_in
from tests.hub import test_gate_half_open

WHOLE_HUB = replace(SHORT, devices=30, events_per_s=500.0)
FEW_CUTS = replace(SHORT, cuts=8)
ELSEWHERE = {"half-open": test_gate_half_open}
"""It takes the ninety seconds that are promised: its short form is a gate and agents whose clock runs ten times as
fast."""

PARTITIONS = 2
"""Of a hub whose settings name no other number."""
LOADED_S = 4.0


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Let asyncio not complain of dead sockets: they are what is tried."""
    logger = logging.getLogger("asyncio")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


def run(name: str, folder: Path, options: Options) -> Outcome:
    outcome = SCENARIOS[name](folder, options)
    print(outcome.name, outcome.line, *outcome.slow)
    if outcome.missing:
        pytest.skip(f"{name} needs {outcome.missing}")
    return outcome


@pytest.mark.parametrize("name", sorted(IN_MEMORY))
def test_what_is_on_a_disk_that_fails(name: str, quick_path: Path) -> None:
    outcome = run(name, quick_path, FEW_CUTS if name == "power-store" else SHORT)
    assert outcome.faults == [], outcome.line


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - IN_MEMORY - ELSEWHERE.keys()))
def test_a_whole_hub_in_trouble(name: str, tmp_path: Path) -> None:
    outcome = run(name, tmp_path, WHOLE_HUB)
    assert outcome.faults == [], outcome.line


def test_two_workers_of_a_whole_hub_share_its_devices(tmp_path: Path) -> None:
    """Each works on all that its devices send, and on nothing else: an event that both took would count twice."""
    with trust_in(tmp_path, workers=2) as trust:
        played = asyncio.run(
            play(trust, tmp_path, Load(devices=30, events_per_s=400.0), lambda _: asyncio.sleep(LOADED_S))
        )
        verdict = check(trust, played)
        worked = {one.name: one.figures.get("events_total") for one in read_pulses(trust.paths.run)}
    assert verdict.faults == [], verdict.line()
    assert verdict.planted > 0
    sent = Counter[str]()
    for device, _, first, last in acknowledged(read_ledger(played.ledger)):
        sent[f"worker-{partition_of(device, PARTITIONS)}"] += last - first + 1
    assert set(sent) == {"worker-0", "worker-1"}
    assert {name: worked[name] for name in sent} == sent


def test_the_rig_sees_a_spool_that_says_kept_too_early(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(power_spool.WEAK, "1")
    assert run("power-spool", quick_path, SHORT).faults


def test_the_rig_sees_a_store_that_says_merged_too_early(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(power_store.WEAK, "1")
    outcome = run("power-store", quick_path, FEW_CUTS)
    assert any("missing" in fault for fault in outcome.faults), outcome.line


@pytest.mark.parametrize(
    ("written", "options", "is_slow"),
    [(59_999, Options(), True), (60_000, Options(), False), (10_000, SHORT, False)],
)
def test_a_fleet_that_tells_less_than_it_is_to_is_slow(written: int, options: Options, is_slow: bool) -> None:
    assert bool(kills.too_few(Played(Path("ledger"), written=written, seconds=20.0), options)) == is_slow


@pytest.mark.parametrize(
    ("outcome", "status", "says"),
    [
        (Outcome("made-up", "all is there"), 0, "ok   made-up (0 s): all is there\n"),
        (Outcome("made-up", "1 lost", ["a is lost"]), 1, "FAIL made-up (0 s): 1 lost\n     a is lost\n"),
        (Outcome("made-up", "late", [], ["back after 11 s"]), 1, "FAIL made-up (0 s): late\n     back after 11 s\n"),
        (Outcome.unrun("made-up", "a tool"), 1, "SKIP made-up (0 s): could not be run\n     it needs a tool\n"),
    ],
    ids=["good", "wrong", "slow", "unrun"],
)
def test_only_what_was_run_and_is_right_is_ok(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Outcome, status: int, says: str
) -> None:
    made_up: dict[str, Callable[[Path, Options], Outcome]] = {"made-up": lambda _folder, _options: outcome}
    monkeypatch.setattr(command, "SCENARIOS", made_up)
    assert command.run_all(made_up, SHORT) == status
    assert capsys.readouterr().out == says


def test_one_that_breaks_off_has_failed_and_the_next_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(_folder: Path, _options: Options) -> Outcome:
        raise AssertionError("it never came to pass")

    made_up = {"broken": breaks, "whole": lambda _folder, _options: Outcome("whole", "all is there")}
    monkeypatch.setattr(command, "SCENARIOS", made_up)
    assert command.run_all(made_up, SHORT) == 1
    said = capsys.readouterr().out
    assert "FAIL broken" in said
    assert "ok   whole" in said
