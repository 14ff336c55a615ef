"""The short form of `make chaos`: every scenario once, as hard as a run of all tests can afford."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carecordon.agent import segment
from tests.chaos import power_register, power_spool
from tests.chaos.disk import Act, Receipt
from tests.chaos.outcome import SHORT, Options, Outcome
from tests.chaos.scenarios import SCENARIOS

WHOLE_HUBS = replace(SHORT, kills=1, devices=30, events_per_s=600.0)


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


@pytest.mark.parametrize("name", ["kills", "same-batch"])
def test_a_whole_hub(name: str, tmp_path: Path) -> None:
    holds(SCENARIOS[name](tmp_path, WHOLE_HUBS))
