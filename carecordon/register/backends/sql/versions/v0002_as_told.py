"""Records of triage: an incident's is of how many units it was told, not only which ids it had; what stood is split."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
INCIDENTS = b"\x92\xa8incident", b"\x92\xa8incidenu"
"""From where to before where the keys of incidents' records lie."""
STANDING = b"\x91\xa8standing"


def upgrade() -> None:
    """Keep the ids; that no incident was told of no unit has each told once more."""
    records = sa.table("records", sa.column("key", sa.LargeBinary()), sa.column("record", sa.LargeBinary()))
    connection = op.get_bind()
    low, high = INCIDENTS
    found = connection.execute(sa.select(records).where(records.c.key >= low, records.c.key < high)).all()
    for key, record in found:
        try:
            new = msgspec.msgpack.encode((0, msgspec.msgpack.decode(record)))
        except msgspec.DecodeError:  # triage sets it aside and tells it, as any record that is none
            continue
        connection.execute(sa.update(records).where(records.c.key == key).values(record=new))
    connection.execute(sa.delete(records).where(records.c.key == STANDING))
