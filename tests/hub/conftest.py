"""A gate for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub.gate_kit import Running, make_hub, running


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Yield a gate that runs, with a hub of its own."""
    hub = make_hub(tmp_path_factory.mktemp("hub"))
    with running(hub) as process:
        yield process
    hub.register.close()
