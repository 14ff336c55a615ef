"""What the tests of the command share: the call, a cache of their own, and a file of rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import RULES, Call, calling


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], cache: Path) -> Call:
    monkeypatch.setenv("CARECORDON_CACHE", str(cache))
    monkeypatch.setenv("COLUMNS", "120")
    return calling(monkeypatch, capfdbinary)


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "five.yml"
    path.write_text(RULES)
    return path


@pytest.fixture
def scan(call: Call, rules: Path) -> Call:
    """Return a scan with the five rules of `calling` alone."""
    return lambda *args, **more: call("scan", *args, "--no-own-rules", "--rules", rules, **more)
