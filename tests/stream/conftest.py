"""What the tests of the logs share: failures inside the contract show their values, as those in a test do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stream.places import quick_folder

pytest.register_assert_rewrite("tests.stream.contract")


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """Give a folder that is gone after the test."""
    with quick_folder() as folder:
        yield folder
