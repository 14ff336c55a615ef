"""What tests of the agent share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.hubs import TestHub, make_ca
from tests.agent.spooling import Make


@pytest.fixture
def make() -> Iterator[Make]:
    making = Make()
    yield making
    making.end()


@pytest.fixture
def hub(tmp_path: Path) -> TestHub:
    """Return a small hub that does not listen yet."""
    return TestHub(make_ca(tmp_path / "keys"), tmp_path / "keys")
