"""One hub for all tests of a run: a real keeper that holds its events, and its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.living import Living, living


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("hub")) as made, made.storing():
        yield made
