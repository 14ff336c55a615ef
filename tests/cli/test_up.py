"""`carecordon up` says what keeps the hub from starting, and ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from carecordon.cli.main import main
from carecordon.hub.config import Paths
from tests.hub.hub_kit import found_hub


def test_a_machine_that_refuses_is_told_of_without_a_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    paths.run.write_text("no folder", "utf-8")
    monkeypatch.setattr(sys, "argv", ["carecordon", "up", "--data", str(paths.data), "--keys", str(paths.keys)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capfd.readouterr().err
    assert ended.value.code == 2
    assert f"{paths.data}: the hub cannot start: " in said
    assert "File exists" in said
    assert "start it again" in said
    assert "Traceback" not in said
