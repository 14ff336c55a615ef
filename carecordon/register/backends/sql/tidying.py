"""Forgetting what is long over, so that the register does not grow for ever; incidents and the audit log stay."""

from __future__ import annotations

from sqlalchemy import delete, update

from carecordon.model.notice import NoticeState
from carecordon.register.backends.sql.door import Door, counter, set_counter
from carecordon.register.tables import CERTIFICATES, ENROL_TOKENS, LETTERS, LETTERS_COUNT, NOTICES, TROUBLES

RENEWABLE_NS = 200 * 86_400 * 1_000_000_000
"""An expired certificate may still be renewed for 180 days (`hub/trust/identity.py`), so it is known for longer."""


def tidy(door: Door, before: int) -> int:
    """Forget what was over before a time (UTC ns); return how many rows that changed.

    Troubles that are over, letters that were played again, enrolment tokens that expired, certificates that cannot be
    renewed any more, and the bodies of notices that arrived: that they did is kept, so that nothing is told twice.
    """
    gone = (
        delete(TROUBLES).where(TROUBLES.c.until < before),
        delete(ENROL_TOKENS).where(ENROL_TOKENS.c.expires < before),
        delete(CERTIFICATES).where(CERTIFICATES.c.expires < before - RENEWABLE_NS),
        update(NOTICES)
        .where(NOTICES.c.state == NoticeState.DONE.value, NOTICES.c.sent < before, NOTICES.c.body != b"")
        .values(body=b""),
    )
    with door.writing() as connection:
        letters = connection.execute(delete(LETTERS).where(LETTERS.c.done < before)).rowcount
        set_counter(connection, LETTERS_COUNT, counter(connection, LETTERS_COUNT) - letters)
        return letters + sum(connection.execute(statement).rowcount for statement in gone)
