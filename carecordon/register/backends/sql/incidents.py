"""Writing incidents in SQL: whatever id one comes under, it keeps its number, its status and its alerts' first day.

An incident's lineage is every row whose present id is its id or one of its aliases. The smallest number of them goes
on; the others become part of it. An id that is no row's present one any more stays a name of the row it was last of.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from carecordon.model.kept import Status, StatusChange, ToldIncident
from carecordon.register.backends.sql.alerts import Changes, alerts_of, apply, compared, owners_of, write_alerts
from carecordon.register.backends.sql.door import add_missing, chunks, replace
from carecordon.register.backends.sql.outbox import merge_notices
from carecordon.register.tables import INCIDENT_DEVICES, INCIDENT_IDS, INCIDENTS

HUB = "hub"
_ADDED = "something was added to it after it was closed"
_STATUS = ("status", "status_by", "status_why", "reopened")
_PRESENT = select(*(INCIDENTS.c[name] for name in ("number", "id", *_STATUS, "version", "known", "digest", "devices")))


def write_incidents(connection: Connection, all_told: Iterable[ToldIncident], now: int) -> None:
    """Write incidents. Those that are new, or go on alone with a row of their own, are written together: most are."""
    # In one order whoever calls, so that numbers come out the same when it is done again.
    told = sorted(all_told, key=lambda one: (one.first, one.id))
    new, alone = _told_apart(connection, told)
    alerts = alerts_of(connection, [row.number for row in alone.values()])
    changes: list[Changes] = []
    updates: list[dict[str, Any]] = []
    names: list[dict[str, Any]] = []
    for one, number in _numbered(connection, told, new, alone, now):
        if number is None:
            write_incident(connection, one, now)
            continue
        changes.append(compared(one.alerts, number, alerts.get(number, []), now))
        row = alone.get(one.id)
        if row is not None and (values := _changed(one, [row], now, has_more=changes[-1].has_more)) is not None:
            updates.append({"number": number} | {name: getattr(row, name) for name in _STATUS} | values)
            _move_devices(connection, one, row, values)
        names += [{"id": name, "incident": number} for name in (one.id, *one.aliases)]
    apply(connection, changes)
    _update(connection, updates)
    replace(connection, INCIDENT_IDS, names)


def _numbered(
    connection: Connection, told: Sequence[ToldIncident], new: Collection[str], alone: Mapping[str, Row[Any]], now: int
) -> Iterator[tuple[ToldIncident, int | None]]:
    """Yield incidents with their numbers, None for those that are written by themselves.

    Those that are `new` get their rows here, many at a time, but in the order in which they would one by one.
    """
    waiting: list[ToldIncident] = []
    for one in told:
        if one.id in new:
            waiting.append(one)
        elif one.id in alone:
            yield one, alone[one.id].number
        else:
            yield from _inserted(connection, waiting, now)
            waiting.clear()
            yield one, None
    yield from _inserted(connection, waiting, now)


def _update(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that have the same columns over those of their numbers."""
    if not rows:
        return
    columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "number"}
    statement = update(INCIDENTS).where(INCIDENTS.c.number == bindparam("new_number")).values(**columns)
    connection.execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])


def _told_apart(connection: Connection, told: Sequence[ToldIncident]) -> tuple[set[str], dict[str, Row[Any]]]:
    """Return the ids of those that have no row, and the rows, by id, of those that have one.

    Left out are those with several rows, and those with a name, a row or an alert in common with any other.
    """
    named = Counter(name for one in told for name in (one.id, *one.aliases))
    alerts = Counter(alert.id for one in told for alert in one.alerts)
    rows = {row.id: row for row in _rows_named(connection, list(named))}
    owners = owners_of(connection, list(alerts))
    new: set[str] = set()
    alone: dict[str, Row[Any]] = {}
    shared: set[int] = set()
    for one in told:
        names = (one.id, *one.aliases)
        own = [rows[name] for name in names if name in rows]
        others = {owners[alert.id] for alert in one.alerts if alert.id in owners} - {row.number for row in own[:1]}
        shared |= others
        if len(own) > 1 or others or any(named[name] > 1 for name in names):
            continue
        if any(alerts[alert.id] > 1 for alert in one.alerts):
            continue
        if own:
            alone[one.id] = own[0]
        else:
            new.add(one.id)
    return new, {name: row for name, row in alone.items() if row.number not in shared}


def write_incident(connection: Connection, told: ToldIncident, now: int) -> int:
    """Write an incident and its alerts and return its number; what has not changed is not written."""
    names = (told.id, *told.aliases)
    rows = sorted(_rows_named(connection, names), key=lambda row: row.number)
    first = rows[0] if rows else None
    number = next(_inserted(connection, [told], now))[1] if first is None else first.number
    losers = [row.number for row in rows[1:]]
    if losers:
        _merge(connection, losers, number)
    has_more = write_alerts(connection, told.alerts, number, [number, *losers], now)
    if first is not None:
        _change(connection, told, rows, now, has_more=has_more)
    replace(connection, INCIDENT_IDS, [{"id": name, "incident": number} for name in names])
    return number


def set_status(connection: Connection, change: StatusChange, now: int) -> bool:
    """Write what a person made of an incident; return False where there is none of this name."""
    number = number_of(connection, change.incident)
    if number is None:
        return False
    values: dict[str, Any] = {"status": change.status.value, "status_by": change.who, "status_why": change.why}
    values |= {"changed": now, "version": INCIDENTS.c.version + 1}
    connection.execute(update(INCIDENTS).where(INCIDENTS.c.number == number).values(**values))
    return True


def number_of(connection: Connection, name: str | int) -> int | None:
    """Return the number that an incident of this name goes by now, None where there is none."""
    if isinstance(name, str):
        statement = select(INCIDENT_IDS.c.incident).where(INCIDENT_IDS.c.id == name)
        return connection.execute(statement).scalar()
    row = connection.execute(
        select(INCIDENTS.c.number, INCIDENTS.c.merged_into).where(INCIDENTS.c.number == name)
    ).first()
    return None if row is None else row.merged_into or row.number


def _rows_named(connection: Connection, names: Sequence[str]) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for some in chunks(names):
        found += connection.execute(_PRESENT.where(INCIDENTS.c.id.in_(some))).all()
    return found


def _inserted(connection: Connection, told: Sequence[ToldIncident], now: int) -> Iterator[tuple[ToldIncident, int]]:
    """Write incidents that are new, without their alerts, and yield each with its number."""
    if not told:
        return
    fixed = {"status": Status.NEW.value, "status_by": HUB, "status_why": "", "version": 1, "reopened": 0}
    rows = [_values(one) | fixed | {"known": now, "changed": now, "merged_into": None} for one in told]
    statement = insert(INCIDENTS).returning(INCIDENTS.c.number, sort_by_parameter_order=True)
    found = list(zip(told, connection.execute(statement, rows).scalars().all(), strict=True))
    _write_devices(connection, found)
    yield from found


def _change(connection: Connection, told: ToldIncident, rows: Sequence[Row[Any]], now: int, *, has_more: bool) -> None:
    values = _changed(told, rows, now, has_more=has_more)
    if values is None:
        return
    connection.execute(update(INCIDENTS).where(INCIDENTS.c.number == rows[0].number).values(**values))
    _move_devices(connection, told, rows[0], values, is_merged=len(rows) > 1)


def _changed(told: ToldIncident, rows: Sequence[Row[Any]], now: int, *, has_more: bool) -> dict[str, Any] | None:
    """Return what is to be written into the first of an incident's rows; None where nothing is."""
    first = rows[0]
    values = _values(told)
    status = _status([Status(row.status) for row in rows], has_more=has_more)
    if len(rows) == 1 and first.digest == values["digest"] and first.id == told.id and status == first.status:
        return None
    values |= {"version": first.version + 1, "changed": now, "known": min(row.known for row in rows)}
    if status != first.status:
        values |= {"status": status.value, "status_by": HUB, "status_why": _ADDED if has_more else "merged"}
        values["reopened"] = first.reopened + (first.status == Status.CLOSED)
    return values


def _move_devices(
    connection: Connection, told: ToldIncident, row: Row[Any], values: dict[str, Any], *, is_merged: bool = False
) -> None:
    if row.devices != values["devices"] or is_merged:
        connection.execute(delete(INCIDENT_DEVICES).where(INCIDENT_DEVICES.c.incident == row.number))
        _write_devices(connection, [(told, row.number)])


def _status(met: Sequence[Status], *, has_more: bool) -> Status:
    """Return the status of an incident that these became: closed only where all were, and nothing was added."""
    if all(one is Status.CLOSED for one in met):
        return Status.OPEN if has_more else Status.CLOSED
    return Status.NEW if all(one is Status.NEW for one in met) else Status.OPEN


def _merge(connection: Connection, losers: Sequence[int], survivor: int) -> None:
    for some in chunks(losers):
        gone = INCIDENTS.c.number.in_(some) | INCIDENTS.c.merged_into.in_(some)
        connection.execute(update(INCIDENTS).where(gone).values(merged_into=survivor, id=None))
        named = INCIDENT_IDS.c.incident.in_(some)
        connection.execute(update(INCIDENT_IDS).where(named).values(incident=survivor))
        connection.execute(delete(INCIDENT_DEVICES).where(INCIDENT_DEVICES.c.incident.in_(some)))
        merge_notices(connection, some, survivor)


def _write_devices(connection: Connection, told: Iterable[tuple[ToldIncident, int]]) -> None:
    """Write the devices of incidents, each given with its number."""
    rows = [{"device": device, "incident": number} for one, number in told for device in dict.fromkeys(one.devices)]
    add_missing(connection, INCIDENT_DEVICES, rows)


def _values(told: ToldIncident) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": told.title,
        "level": told.level.value,
        "rank": told.level.rank,
        "score": told.score,
        "devices": msgspec.msgpack.encode(told.devices),
        "first": told.first,
        "last": told.last,
        "body": told.body,
    }
    digest = hashlib.sha256(msgspec.msgpack.encode(tuple(values.values()))).digest()
    return values | {"id": told.id, "alerts": len(told.alerts), "digest": digest}
