"""One hub for all tests of a run: a real keeper that holds its events, and its API."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from carecordon.hub.keeper.store import open_telemetry
from tests.console.living import Living, living


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("hub")) as made:
        with (made.paths.data / "keeper.log").open("ab") as log:
            command = [sys.executable, "-m", "carecordon.hub.keeper", str(made.paths.data)]
            keeper = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == b"ready\n", (made.paths.data / "keeper.log").read_text()
            store = open_telemetry(made.paths)
            store.insert(made.merged, "0:0-4:1")
            store.close()
            yield made
        finally:
            keeper.kill()
            keeper.communicate()
