"""The whole of it: a hub, devices over the real wire, an outbreak, and what a newcomer reads at the end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_demo_finds_the_outbreak_and_loses_nothing(tmp_path: Path) -> None:
    """Forty devices, eighteen minutes of a morning in eight seconds; with nobody at a terminal it prints lines."""
    command = [sys.executable, "-m", "carecordon", "demo", "--out", str(tmp_path / "demo"), "--devices", "40"]
    done = subprocess.run(
        [*command, "--from", "9", "--to", "9.3", "--seconds", "8"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (figures,) = re.findall(
        r"40 devices wrote ([\d,]+) events; ([\d,]+) were acknowledged, ([\d,]+) are in the store", done.stdout
    )
    assert len(set(figures)) == 1, "every event written is acknowledged and stored, each once"
    over = done.stdout.split("It is over.")[1]
    assert re.search(r"#1 critical .*wph-", over), over
    assert re.search(r"The first incident was told \d+ s after the attack's first event", over)
    assert (tmp_path / "demo" / "data" / "hub.toml").exists()
    assert (tmp_path / "demo" / "keys").is_dir()


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = subprocess.run(
        [sys.executable, "-m", "carecordon", "demo", "--out", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "precious"
