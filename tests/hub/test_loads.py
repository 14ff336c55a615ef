"""What a process of the hub loads is what it uses: the rest would be paid for at each start."""

from __future__ import annotations

import subprocess
import sys

import pytest

LARGE = ("sigma", "httpx", "aiosmtplib", "alembic", "sqlglot", "clickhouse_connect", "fastapi", "chdb")


@pytest.mark.parametrize("module", ["carecordon.hub.start", "carecordon.hub.triage.triage"])
def test_no_more_is_loaded_than_is_used(module: str) -> None:
    """Of the supervisor before it forks, and of who is ready last."""
    code = f"import sys, {module}; print([name for name in {LARGE} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
