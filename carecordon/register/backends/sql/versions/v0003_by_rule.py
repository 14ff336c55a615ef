"""Alerts are found by their rule; a record of triage is one rule's match of an event: its key names the rule too."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
MEMBERS = b"\x93\xa6member", b"\x93\xa6membes"
"""From where to before where the keys lie that have a place alone."""
NAMED = "\0"
"""How the id of a rule begins that is the name of another record, its head's."""


def upgrade() -> None:
    """Add the index, and to each key the rule. What one of two rules lost before is lost."""
    op.create_index("alerts_by_rule", "alerts", ["rule_id", "first", "id"], unique=False, if_not_exists=True)
    records = sa.table("records", sa.column("key", sa.LargeBinary()), sa.column("record", sa.LargeBinary()))
    connection = op.get_bind()
    low, high = MEMBERS
    found = connection.execute(sa.select(records).where(records.c.key >= low, records.c.key < high)).all()
    ids: dict[str, str | None] = {}

    def rule_of(name: str) -> str | None:
        """Return the id of the rule whose head has this name."""
        if name not in ids:
            key = msgspec.msgpack.encode(("rule", name))
            head = connection.execute(sa.select(records.c.record).where(records.c.key == key)).scalar()
            ids[name] = None if head is None else _id(msgspec.msgpack.decode(head))
        return ids[name]

    for key, record in found:
        try:
            name = _id(msgspec.msgpack.decode(record)["rule"])
            rule = rule_of(name.removeprefix(NAMED)) if name.startswith(NAMED) else name
            new = msgspec.msgpack.encode((*msgspec.msgpack.decode(key), rule))
        except (msgspec.DecodeError, TypeError, KeyError):  # triage sets it aside and tells it, as any that is none
            continue
        if rule is not None:
            connection.execute(sa.update(records).where(records.c.key == key).values(key=new))


def _id(head: Any) -> str:
    """Return the id of a rule's head. Raises TypeError or KeyError where it is none."""
    return str(head["id"])
