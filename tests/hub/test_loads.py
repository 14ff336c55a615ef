"""What a process of the hub loads is what it uses: the rest would be paid for at each start."""

from __future__ import annotations

import subprocess
import sys

import pytest

LARGE = ("sigma", "httpx", "aiosmtplib", "alembic", "sqlglot", "clickhouse_connect", "fastapi", "chdb")


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("carecordon.hub.start", LARGE),
        ("carecordon.hub.triage.triage", LARGE),
        ("carecordon.hub.worker.worker", ("sigma", "alembic", "sqlglot", "fastapi", "chdb")),
        ("carecordon.hub.keeper.keeper", ("sigma", "alembic", "sqlglot", "fastapi")),
        ("carecordon.console.app", ("sigma", "alembic", "sqlglot", "chdb")),
    ],
)
def test_no_more_is_loaded_than_is_used(module: str, unused: tuple[str, ...]) -> None:
    """Of the supervisor before it forks, of who is ready last, and of those who may never be asked a question."""
    code = f"import sys, {module}; print([name for name in {unused} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
