"""What tests of the agent share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent.spooling import Make


@pytest.fixture
def make() -> Iterator[Make]:
    making = Make()
    yield making
    making.end()
