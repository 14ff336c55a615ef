"""The short form of `make chaos`: every scenario once, as hard as a run of all tests can afford."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import power_spool
from tests.chaos.outcome import SHORT, Outcome
from tests.chaos.scenarios import SCENARIOS

WHOLE_HUB = replace(SHORT, devices=30, events_per_s=500.0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Let asyncio not complain of dead sockets: they are what is tried."""
    logger = logging.getLogger("asyncio")
    before = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(before)


def holds(outcome: Outcome) -> None:
    print(outcome.name, outcome.line, *outcome.slow)
    if outcome.line.startswith("skipped"):
        pytest.skip(outcome.line)
    assert outcome.faults == [], outcome.line


@pytest.mark.parametrize("name", ["power-register", "power-spool", "damage"])
def test_what_is_on_a_disk_that_fails(name: str, quick_path: Path) -> None:
    holds(SCENARIOS[name](quick_path, SHORT))


def test_a_whole_hub_each_of_whose_processes_is_killed(tmp_path: Path) -> None:
    holds(SCENARIOS["kills"](tmp_path, WHOLE_HUB))


def test_the_rig_sees_a_spool_that_says_kept_too_early(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(power_spool.WEAK, "1")
    outcome = SCENARIOS["power-spool"](quick_path, SHORT)
    if outcome.line.startswith("skipped"):
        pytest.skip(outcome.line)
    assert outcome.faults
