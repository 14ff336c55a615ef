"""The command line starts where Linux's own modules are missing: a responder scans on a Windows laptop too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import pytest

from carecordon.cli.main import LATE, OF_HUB

MISSING = ("resource", "fcntl", "termios", "pwd", "grp", "hyperscan")
DEFECT = 70


def called(missing: Iterable[str], *words: str) -> subprocess.CompletedProcess[str]:
    """Call the command line where these modules are missing."""
    code = (
        f"import sys\nfor name in {tuple(missing)}: sys.modules[name] = None\nimport carecordon.cli.main as m; m.main()"
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", sorted(LATE.keys() - OF_HUB))
def test_the_commands_start_without_what_windows_lacks(command: str) -> None:
    done = called(MISSING, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"carecordon {command}" in done.stdout


@pytest.mark.parametrize("command", sorted(OF_HUB - {"hub"}))  # whose own commands say it
def test_a_command_that_needs_the_hubs_libraries_says_so_and_the_others_are_listed(command: str) -> None:
    lacking = ("sqlalchemy", "chdb", "websockets")
    done = called(lacking, command, "--whatever")
    assert done.returncode == 2
    assert "install carecordon[hub]" in done.stderr
    listed = called(lacking, "--help")
    assert listed.returncode == 0
    assert "scan" in listed.stdout


def test_a_scan_that_is_broken_is_not_told_to_need_the_hub() -> None:
    done = called(["orjson"], "scan", ".")
    assert done.returncode == DEFECT
    assert "orjson" in done.stderr
    assert "carecordon[hub]" not in done.stderr
