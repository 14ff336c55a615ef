"""Enrolment tokens in SQL: each use is counted down in the transaction that gives it away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select, update

from carecordon.model.device import DeviceKind, EnrolRefusal, EnrolToken
from carecordon.register.tables import ENROL_TOKENS


def use_token(connection: Connection, secret_hash: str, now: int) -> EnrolToken | EnrolRefusal:
    """Return the token of this secret with one use less, within a transaction that writes."""
    row = connection.execute(select(ENROL_TOKENS).where(ENROL_TOKENS.c.secret_hash == secret_hash)).first()
    if row is None:
        return EnrolRefusal.UNKNOWN
    (token,) = tokens_of([row])
    if token.revoked is not None:
        return EnrolRefusal.REVOKED
    if token.expires <= now:
        return EnrolRefusal.EXPIRED
    if token.uses_left < 1:
        return EnrolRefusal.USED_UP
    left = token.uses_left - 1
    connection.execute(update(ENROL_TOKENS).where(ENROL_TOKENS.c.id == token.id).values(uses_left=left))
    return _token(row, left)


def tokens_of(rows: Iterable[Row[Any]]) -> list[EnrolToken]:
    """Return rows as tokens."""
    return [_token(row, row.uses_left) for row in rows]


def _token(row: Row[Any], left: int) -> EnrolToken:
    return EnrolToken(
        id=row.id,
        label=row.label,
        secret_hash=row.secret_hash,
        kind=DeviceKind(row.kind),
        uses_left=left,
        made=row.made,
        made_by=row.made_by,
        expires=row.expires,
        revoked=row.revoked,
    )
