"""Which step the register's tables are at: known without alembic, which only whoever changes them need load."""

from __future__ import annotations

from carecordon.model.errors import TheirFault

REVISION = "0004"
"""The last of the steps in `versions/`, which are numbered in order."""


def newer(place: str, has: str) -> TheirFault:
    """Return what to tell of a register that a newer program has changed."""
    return TheirFault(f"{place}: a newer Carecordon has written it ({has}): start that one, or restore an older backup")
