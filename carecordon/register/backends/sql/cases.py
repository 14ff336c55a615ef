"""Triage's doors in SQL: its one commit, and what people ask of incidents, alerts and troubles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, bindparam, case, delete, func, not_, or_, select
from sqlalchemy.dialects.sqlite import insert

from carecordon.model.errors import OurFault
from carecordon.model.kept import (
    AlertQuery,
    AlertRow,
    Commit,
    Committed,
    IncidentQuery,
    IncidentRow,
    KeysUnder,
    Status,
    Trouble,
)
from carecordon.model.match import Level
from carecordon.model.notice import NewNotice
from carecordon.register.backends.sql.audit import append
from carecordon.register.backends.sql.door import Door, chunks, counter, replacing, set_counter, written_out
from carecordon.register.backends.sql.incidents import number_of, set_status, write_incidents
from carecordon.register.backends.sql.letters import set_aside
from carecordon.register.backends.sql.outbox import put_out
from carecordon.register.tables import (
    ALERT_IDS,
    ALERTS,
    FOUND,
    INCIDENT_DEVICES,
    INCIDENT_IDS,
    INCIDENTS,
    RECORDS,
    TROUBLES,
)

_KEY = msgspec.msgpack.Decoder(tuple[str, ...])
_DEVICES = msgspec.msgpack.Decoder(tuple[str, ...])
READ_AT_ONCE = 1_000
"""Records: so few that what is made of them takes the place of what it was made of."""
_UNLISTED = frozenset({"body", "digest"})
_WRITE_RECORD = written_out(replacing(RECORDS, ["record"]))
_DROP_RECORD = written_out(delete(RECORDS).where(RECORDS.c.key == bindparam("key")))

_UNDER = written_out(select(RECORDS.c.key, RECORDS.c.record).where(RECORDS.c.key.between(b"", b"")))
_MOST_PARTS = 15
"""Of a key whose number of parts is one byte."""
_BEHIND = b"\xff"
"""What comes behind all that a text may begin with. Source: the MessagePack specification."""

Step = Callable[[Connection, Commit], None]


def _bounds(keys: KeysUnder) -> tuple[bytes, bytes]:
    """Return what all these keys, as they are written, lie between."""
    if not len(keys.begin) < keys.parts <= _MOST_PARTS:
        raise OurFault(f"no keys of {keys.parts} parts are told from others by {len(keys.begin)} of them")
    low = b"".join([bytes([0x90 + keys.parts]), *map(msgspec.msgpack.encode, keys.begin)])
    return low, low + _BEHIND


class SqlCases:
    """Triage's state and what it leaves behind."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def position(self) -> int:
        """Return the position of stream 2 up to which everything is in the register."""
        with self._door.reading() as connection:
            return counter(connection, FOUND)

    def records(self, but: KeysUnder | None = None) -> Iterator[tuple[tuple[str, ...], bytes]]:
        """Yield the state of triage as it stands now."""
        wanted = select(RECORDS.c.key, RECORDS.c.record)
        if but is not None:
            low, high = _bounds(but)
            wanted = wanted.where(not_(RECORDS.c.key.between(low, high)))  # in place: an index would jump about
        with self._door.reading() as connection:
            for some in connection.execute(wanted).partitions(READ_AT_ONCE):
                yield from [(_KEY.decode(key), record) for key, record in some]

    def records_under(self, keys: KeysUnder) -> list[tuple[tuple[str, ...], bytes]]:
        """Return the records under these keys."""
        with self._door.reading() as connection:
            return [(_KEY.decode(key), record) for key, record in connection.exec_driver_sql(_UNDER, _bounds(keys))]

    def count_under(self, keys: KeysUnder) -> int:
        """Return how many records there are under these keys."""
        low, high = _bounds(keys)
        with self._door.reading() as connection:
            wanted = select(func.count()).where(RECORDS.c.key.between(low, high))
            return int(connection.execute(wanted).scalar_one())

    def record(self, key: tuple[str, ...]) -> bytes | None:
        """Return one record of it."""
        wanted = select(RECORDS.c.record).where(RECORDS.c.key == msgspec.msgpack.encode(key))
        with self._door.reading() as connection:
            found: bytes | None = connection.execute(wanted).scalar()
            return found

    def commit(self, commit: Commit) -> Committed:
        """Write all of it or nothing."""
        with self._door.writing() as connection:
            stands = counter(connection, FOUND)
            if stands == commit.position > commit.after:
                return Committed.ALREADY
            if stands != commit.after or commit.position < commit.after:
                came = f"a commit came from {commit.after} to {commit.position}"
                raise OurFault(f"the register stands at {stands} of stream 2, and {came}: is triage at work twice?")
            for step in STEPS:
                step(connection, commit)
            return Committed.DONE

    def incidents(self, query: IncidentQuery) -> list[IncidentRow]:
        """Return incidents, the latest number first; their bodies are left out."""
        columns = [column for column in INCIDENTS.c if column.name not in _UNLISTED]
        with self._door.reading() as connection:
            rows = connection.execute(_asked(select(*columns), query)).all()
            return list(_incidents(connection, rows))

    def count_open(self) -> dict[str, int]:
        """Return how many incidents of each level are new or open."""
        is_open = INCIDENTS.c.status.in_([Status.NEW.value, Status.OPEN.value])
        counted = select(INCIDENTS.c.level, func.count()).where(INCIDENTS.c.merged_into.is_(None), is_open)
        with self._door.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(counted.group_by(INCIDENTS.c.level))}

    def incident(self, name: str | int) -> IncidentRow | None:
        """Return the incident that has or had this id, or this number."""
        with self._door.reading() as connection:
            number = number_of(connection, name)
            rows = connection.execute(select(INCIDENTS).where(INCIDENTS.c.number == number)).all()
            return next(_incidents(connection, rows), None)

    def alerts(self, query: AlertQuery) -> list[AlertRow]:
        """Return alerts, the latest first."""
        conditions: list[Any] = []
        if query.device is not None:
            conditions.append(ALERTS.c.device == query.device)
        if query.rule_id is not None:
            conditions.append(ALERTS.c.rule_id == query.rule_id)
        if query.before is not None:
            first, last_id = query.before
            conditions.append(or_(ALERTS.c.first < first, and_(ALERTS.c.first == first, ALERTS.c.id < last_id)))
        with self._door.reading() as connection:
            if query.incident is not None:
                conditions.append(ALERTS.c.incident == number_of(connection, query.incident))
            order = (ALERTS.c.first.desc(), ALERTS.c.id.desc())
            statement = select(ALERTS).where(*conditions).order_by(*order).limit(query.limit)
            return list(map(_alert, connection.execute(statement)))

    def alert(self, alert_id: str) -> AlertRow | None:
        """Return the alert that has or had this id."""
        with self._door.reading() as connection:
            now = connection.execute(select(ALERT_IDS.c.id).where(ALERT_IDS.c.former == alert_id)).scalar()
            row = connection.execute(select(ALERTS).where(ALERTS.c.id == (now or alert_id))).first()
        return None if row is None else _alert(row)

    def troubles(
        self, *, is_over: bool | None = False, limit: int = 1_000, without_lone: Collection[str] = ()
    ) -> list[Trouble]:
        """Return what is wrong, the latest first: what lasts, what is over, or (None) both."""
        statement = select(TROUBLES).order_by(TROUBLES.c.since.desc(), TROUBLES.c.key).limit(limit)
        if is_over is not None:
            statement = statement.where(TROUBLES.c.until.is_not(None) if is_over else TROUBLES.c.until.is_(None))
        if without_lone:
            statement = statement.where(or_(TROUBLES.c.kind.not_in(without_lone), TROUBLES.c.events > 1))
        with self._door.reading() as connection:
            return list(map(_trouble, connection.execute(statement)))

    def trouble(self, troubles: Sequence[Trouble], notices: Sequence[NewNotice] = ()) -> None:
        """Write what a process other than triage found wrong, or that it is over, and what people are told of it."""
        if troubles or notices:
            with self._door.writing() as connection:
                _write_troubles(connection, troubles)
                put_out(connection, notices, max((one.due for one in notices), default=0))


def _keep(connection: Connection, commit: Commit) -> None:
    """Write triage's state: thousands of small records at a time, so by statements that are made once."""
    encode = msgspec.msgpack.encode
    kept = [(encode(key), record) for key, record in commit.records.items() if record is not None]
    gone = [(encode(key),) for key, record in commit.records.items() if record is None]
    if kept:
        connection.exec_driver_sql(_WRITE_RECORD, kept)
    if gone:
        connection.exec_driver_sql(_DROP_RECORD, gone)


def _tell(connection: Connection, commit: Commit) -> None:
    write_incidents(connection, commit.incidents, commit.now)


def _apply(connection: Connection, commit: Commit) -> None:
    for change in commit.statuses:
        set_status(connection, change, commit.now)


def _notify(connection: Connection, commit: Commit) -> None:
    put_out(connection, commit.notices, commit.now)


def _lament(connection: Connection, commit: Commit) -> None:
    _write_troubles(connection, commit.troubles)
    set_aside(connection, commit.letters)


def _audit(connection: Connection, commit: Commit) -> None:
    append(connection, commit.acts, commit.now)


def _advance(connection: Connection, commit: Commit) -> None:
    set_counter(connection, FOUND, commit.position)


STEPS: tuple[Step, ...] = (_keep, _tell, _apply, _notify, _lament, _audit, _advance)
"""What a commit does, in this order, in one transaction."""


def _write_troubles(connection: Connection, troubles: Sequence[Trouble]) -> None:
    if not troubles:
        return
    statement = insert(TROUBLES)
    new = statement.excluded
    lasts = and_(TROUBLES.c.until.is_(None), TROUBLES.c.since < new.since)
    values: dict[str, Any] = {name: new[name] for name in ("kind", "device", "text", "until", "events")}
    values["since"] = case((lasts, TROUBLES.c.since), else_=new.since)
    rows = [
        {"key": one.key, "kind": one.kind, "device": one.device, "text": one.text, "since": one.since}
        | {"until": one.until, "events": one.count}
        for one in troubles
    ]
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values), rows)


def _asked(statement: Select[Any], query: IncidentQuery) -> Select[Any]:
    conditions: list[Any] = [INCIDENTS.c.merged_into.is_(None)]
    if query.status is not None:
        conditions.append(INCIDENTS.c.status.in_([status.value for status in query.status]))
    if query.level is not None:
        conditions.append(INCIDENTS.c.rank >= query.level.rank)
    if query.since is not None:
        conditions.append(INCIDENTS.c.changed >= query.since)
    if query.before is not None:
        conditions.append(INCIDENTS.c.number < query.before)
    if query.device is not None:
        on = select(INCIDENT_DEVICES.c.incident).where(INCIDENT_DEVICES.c.device == query.device)
        conditions.append(INCIDENTS.c.number.in_(on))
    return statement.where(*conditions).order_by(INCIDENTS.c.number.desc()).limit(query.limit)


def _incidents(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[IncidentRow]:
    numbers = [row.number for row in rows]
    ids: dict[int, list[str]] = {}
    merged: dict[int, list[int]] = {}
    for some in chunks(numbers):
        named = select(INCIDENT_IDS.c.incident, INCIDENT_IDS.c.id).where(INCIDENT_IDS.c.incident.in_(some))
        for number, name in connection.execute(named.order_by(INCIDENT_IDS.c.id)):
            ids.setdefault(number, []).append(name)
        parts = select(INCIDENTS.c.merged_into, INCIDENTS.c.number).where(INCIDENTS.c.merged_into.in_(some))
        for number, part in connection.execute(parts.order_by(INCIDENTS.c.number)):
            merged.setdefault(number, []).append(part)
    for row in rows:
        yield IncidentRow(
            number=row.number,
            id=row.id,
            ids=tuple(ids.get(row.number, ())),
            title=row.title,
            level=Level(row.level),
            score=row.score,
            devices=_DEVICES.decode(row.devices),
            first=row.first,
            last=row.last,
            status=Status(row.status),
            status_by=row.status_by,
            status_why=row.status_why,
            alerts=row.alerts,
            version=row.version,
            reopened=row.reopened,
            known=row.known,
            changed=row.changed,
            merged=tuple(merged.get(row.number, ())),
            body=getattr(row, "body", b""),
        )


def _alert(row: Row[Any]) -> AlertRow:
    return AlertRow(
        id=row.id,
        incident=row.incident,
        rule_id=row.rule_id,
        title=row.title,
        level=Level(row.level),
        device=row.device,
        entity=row.entity,
        first=row.first,
        last=row.last,
        count=row.events,
        known=row.known,
        changed=row.changed,
        body=row.body,
    )


def _trouble(row: Row[Any]) -> Trouble:
    return Trouble(row.key, row.kind, row.device, row.text, row.since, row.until, row.events)
