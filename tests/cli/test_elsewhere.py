"""The command line starts where Linux's own modules are missing: a responder scans on a Windows laptop too."""

from __future__ import annotations

import subprocess
import sys

MISSING = ("resource", "fcntl", "termios", "pwd", "grp", "hyperscan")


def test_the_commands_start_without_what_windows_lacks() -> None:
    code = f"import sys\nfor name in {MISSING}: sys.modules[name] = None\nimport carecordon.cli.main"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
