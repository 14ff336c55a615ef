"""Bringing the tables up to date, step by step, with alembic; the steps lie in `versions/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from carecordon.register.backends.sql.revision import newer
from carecordon.register.tables import METADATA

VERSIONS = Path(__file__).parent / "versions"


def scripts() -> ScriptDirectory:
    """Return the steps."""
    return ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])


def upgrade(connection: Connection, place: str) -> None:
    """Take every step that the database lacks. Raises TheirFault where it has taken steps that are not known here."""
    steps = scripts()
    has = MigrationContext.configure(connection).get_current_revision()
    if has is not None and has not in {step.revision for step in steps.walk_revisions()}:
        raise newer(place, has)

    def todo(revision: Any, _context: MigrationContext) -> Any:
        return steps._upgrade_revs("head", revision)  # noqa: SLF001  # as alembic's own commands do

    environment = EnvironmentContext(Config(), steps, fn=todo, destination_rev="head")
    environment.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
    environment.run_migrations()
