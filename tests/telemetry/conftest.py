"""One keeper for all tests of this room that do no harm to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.telemetry.keeping import Keeping, keeping


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    with keeping(tmp_path_factory.mktemp("keeper")) as found:
        yield found
