"""Writing an incident's alerts in SQL: all of them are told each time, only what is new or other is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Changes:
    """What is to be written of alerts; `has_more`: one of them has more events than before, or is new."""

    gone: list[str] = field(default_factory=list)
    fresh: list[dict[str, Any]] = field(default_factory=list)
    renamed: list[dict[str, Any]] = field(default_factory=list)
    has_more: bool = False


def write_alerts(
    connection: Connection, told: Sequence[ToldAlert], number: int, lineage: Sequence[int], now: int
) -> bool:
    """Let `told` be the alerts of incident `number`, which the others of `lineage` became; return whether any has more.

    An alert is known again by its rule, device and entity: where an earlier event gave it another id, the row is the
    same, and its former id finds it.
    """
    changes = compared(told, number, _known(connection, told, lineage), now)
    apply(connection, [changes])
    return changes.has_more


def compared(told: Sequence[ToldAlert], number: int, before: Sequence[Row[Any]], now: int) -> Changes:
    """Return what is to be written so that `told` are the alerts of incident `number`, where `before` is there."""
    changes = Changes()
    by_id = {row.id: row for row in before}
    by_key: dict[_Key, list[Row[Any]]] = {}
    for row in before:
        by_key.setdefault((row.rule_id, row.device, row.entity), []).append(row)
    stays: set[str] = set()
    for alert in told:
        digest = _digest(alert)
        former = by_id.get(alert.id)
        if former is not None and former.digest == digest and former.incident == number:
            stays.add(alert.id)
            continue
        same = by_key.get((alert.rule_id, alert.device, alert.entity), [])
        met = [*same, *([former] if former is not None else [])]
        changes.has_more |= alert.count > max((row.events for row in met), default=0)
        changes.renamed += [{"former": row.id, "id": alert.id} for row in same if row.id != alert.id]
        known = min((row.known for row in met), default=now)
        changes.fresh.append(_row(alert, number, known, now, digest))
    changes.gone = [row.id for row in before if row.id not in stays]
    return changes


def apply(connection: Connection, all_changes: Sequence[Changes]) -> None:
    """Write changes of incidents that have no alert in common."""
    _forget(connection, [one for changes in all_changes for one in changes.gone])
    if fresh := [row for changes in all_changes for row in changes.fresh]:
        connection.execute(insert(ALERTS), fresh)
    _rename(connection, [one for changes in all_changes for one in changes.renamed])


def alerts_of(connection: Connection, incidents: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Return the alerts of incidents, by number."""
    found: dict[int, list[Row[Any]]] = {}
    for numbers in chunks(incidents):
        for row in connection.execute(_KNOWN.where(ALERTS.c.incident.in_(numbers))):
            found.setdefault(row.incident, []).append(row)
    return found


def owners_of(connection: Connection, alerts: Sequence[str]) -> dict[str, int]:
    """Return which incidents alerts stand under, of those that are there."""
    found: dict[str, int] = {}
    for ids in chunks(alerts):
        statement = select(ALERTS.c.id, ALERTS.c.incident).where(ALERTS.c.id.in_(ids))
        found |= {row.id: row.incident for row in connection.execute(statement)}
    return found


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
