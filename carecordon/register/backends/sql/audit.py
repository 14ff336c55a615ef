"""The audit log in SQL: entries are only ever added, each in a transaction that holds the one lock for writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Row, insert, select

from carecordon.model.audit import Act, AuditEntry, Break, Head
from carecordon.register.backends.sql.door import Door, replace
from carecordon.register.chain import EMPTY, breaks, following
from carecordon.register.tables import AUDIT, AUDIT_HEAD

PAGE = 10_000


class SqlAudit:
    """Who did or asked what."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def add(self, acts: Sequence[Act], now: int) -> Head:
        """Append acts at the time `now` (UTC ns) and return the end of the log."""
        with self._door.writing() as connection:
            return append(connection, acts, now)

    def entries(self, before: int | None = None, limit: int = 100, who: str | None = None) -> list[AuditEntry]:
        """Return entries, the latest first, of numbers below `before`, of one person where `who` is given."""
        statement = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
        if before is not None:
            statement = statement.where(AUDIT.c.number < before)
        if who is not None:
            statement = statement.where(AUDIT.c.who == who)
        with self._door.reading() as connection:
            return list(map(_entry, connection.execute(statement)))

    def head(self) -> Head:
        """Return the end of the log; number 0 where it is empty."""
        with self._door.reading() as connection:
            return _head(connection)

    def verify(self, anchors: Sequence[Head] = ()) -> list[Break]:
        """Return every place where the log is not what was written."""
        with self._door.reading() as connection:
            return list(breaks(_all(connection), _head(connection), anchors))


def append(connection: Connection, acts: Sequence[Act], now: int) -> Head:
    """Append acts within a transaction that writes, and return the end of the log."""
    head = _head(connection)
    for entry in following(head, acts, now):
        act = entry.act
        row = {"number": entry.number, "at": entry.at, "who": act.who, "verb": act.verb}
        connection.execute(insert(AUDIT), row | {"subject": act.subject, "detail": act.detail, "seal": entry.seal})
        head = Head(entry.number, entry.seal)
    if acts:
        replace(connection, AUDIT_HEAD, [{"one": 1, "number": head.number, "seal": head.seal}])
    return head


def _head(connection: Connection) -> Head:
    row = connection.execute(select(AUDIT_HEAD.c.number, AUDIT_HEAD.c.seal)).first()
    return EMPTY if row is None else Head(row.number, row.seal)


def _all(connection: Connection) -> Iterator[AuditEntry]:
    last: int | None = None
    while True:
        statement = select(AUDIT).order_by(AUDIT.c.number).limit(PAGE)
        rows = connection.execute(statement if last is None else statement.where(AUDIT.c.number > last)).all()
        if not rows:
            return
        yield from map(_entry, rows)
        last = rows[-1].number


def _entry(row: Row[tuple[object, ...]]) -> AuditEntry:
    return AuditEntry(row.number, row.at, Act(row.who, row.verb, row.subject, row.detail), row.seal)
