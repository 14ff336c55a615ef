"""Writing an incident's alerts in SQL: all of them are told each time, only what is new or other is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from carecordon.model.kept import ToldAlert
from carecordon.register.backends.sql.door import chunks, replace
from carecordon.register.tables import ALERT_IDS, ALERTS

_Key = tuple[str, str, str]
_KNOWN = select(
    *(ALERTS.c[name] for name in ("id", "incident", "rule_id", "device", "entity", "events", "known", "digest"))
)


def write_alerts(
    connection: Connection, told: Sequence[ToldAlert], number: int, lineage: Sequence[int], now: int
) -> bool:
    """Let `told` be the alerts of incident `number`, which the others of `lineage` became; return whether any has more.

    An alert is known again by its rule, device and entity: where an earlier event gave it another id, the row is the
    same, and its former id finds it.
    """
    before = _known(connection, told, lineage)
    by_id = {row.id: row for row in before}
    by_key: dict[_Key, list[Row[Any]]] = {}
    for row in before:
        by_key.setdefault((row.rule_id, row.device, row.entity), []).append(row)
    stays: set[str] = set()
    fresh: list[dict[str, Any]] = []
    renamed: list[dict[str, Any]] = []
    has_more = False
    for alert in told:
        digest = _digest(alert)
        former = by_id.get(alert.id)
        if former is not None and former.digest == digest and former.incident == number:
            stays.add(alert.id)
            continue
        same = by_key.get((alert.rule_id, alert.device, alert.entity), [])
        met = [*same, *([former] if former is not None else [])]
        has_more = has_more or alert.count > max((row.events for row in met), default=0)
        renamed += [{"former": row.id, "id": alert.id} for row in same if row.id != alert.id]
        known = min((row.known for row in met), default=now)
        fresh.append(_row(alert, number, known, now, digest))
    _forget(connection, [row.id for row in before if row.id not in stays])
    if fresh:
        connection.execute(insert(ALERTS), fresh)
    _rename(connection, renamed)
    return has_more


def _known(connection: Connection, told: Sequence[ToldAlert], lineage: Sequence[int]) -> list[Row[Any]]:
    """Return the alerts of the lineage, and those that stand under another incident and are told of this one now."""
    found: dict[str, Row[Any]] = {}
    for numbers in chunks(lineage):
        found |= {row.id: row for row in connection.execute(_KNOWN.where(ALERTS.c.incident.in_(numbers)))}
    elsewhere = [alert.id for alert in told if alert.id not in found]
    for ids in chunks(elsewhere):
        found |= {row.id: row for row in connection.execute(_KNOWN.where(ALERTS.c.id.in_(ids)))}
    return list(found.values())


def _forget(connection: Connection, ids: Sequence[str]) -> None:
    for some in chunks(ids):
        connection.execute(delete(ALERTS).where(ALERTS.c.id.in_(some)))


def _rename(connection: Connection, renamed: Sequence[dict[str, Any]]) -> None:
    if not renamed:
        return
    again = update(ALERT_IDS).where(ALERT_IDS.c.id == bindparam("was")).values(id=bindparam("new"))
    connection.execute(again, [{"was": one["former"], "new": one["id"]} for one in renamed])
    replace(connection, ALERT_IDS, renamed)


def _row(alert: ToldAlert, number: int, known: int, now: int, digest: bytes) -> dict[str, Any]:
    return {
        "id": alert.id,
        "incident": number,
        "rule_id": alert.rule_id,
        "title": alert.title,
        "level": alert.level.value,
        "device": alert.device,
        "entity": alert.entity,
        "first": alert.first,
        "last": alert.last,
        "events": alert.count,
        "known": known,
        "changed": now,
        "digest": digest,
        "body": alert.body,
    }


def _digest(alert: ToldAlert) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(alert)).digest()[:16]
