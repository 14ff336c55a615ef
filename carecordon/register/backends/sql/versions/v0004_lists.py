"""Records of units and processes are lists, a unit's body bytes of their own that need not be read at a start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
AT_ONCE = 1_000
STARTS = b"\x94\xa5start", b"\x94\xa5staru"
"""From where to before where the keys of processes lie, which have four parts."""
NAMED = "\0"
"""How the id of a rule begins that is the name of another record, its head's; alone it is the unit's own rule."""
OWN = {"id": NAMED, "title": "", "level": "informational", "techniques": [], "path": "", "line": 0}
SUBJECT = (
    *("guid", "pid", "image", "command_line", "parent_guid", "parent_pid", "parent_image", "logons", "accounts"),
    *("source", "destination", "own", "files", "hash", "service"),
)
LISTS = frozenset({"logons", "accounts", "files"})
RECORDS = sa.table("records", sa.column("key", sa.LargeBinary()), sa.column("record", sa.LargeBinary()))
UNITS = [(bytes([0x90 + parts]) + b"\xa4unit", bytes([0x90 + parts]) + b"\xa4univ") for parts in range(2, 16)]
"""The same for units, by how many parts their keys have."""


def upgrade() -> None:
    """Write each as a list. What is no such record stays as it is: triage sets it aside and tells it."""
    connection = op.get_bind()
    heads = _Heads(connection)
    for low, high in UNITS:
        _rewrite(connection, low, high, lambda record: _unit(record, heads))
    _rewrite(connection, *STARTS, _start)


def _rewrite(connection: sa.Connection, low: bytes, high: bytes, new: Callable[[Any], list[Any]]) -> None:
    change = sa.update(RECORDS).where(RECORDS.c.key == sa.bindparam("at")).values(record=sa.bindparam("new"))
    for some in _pages(connection, low, high):
        changed = []
        for key, record in some:
            try:
                changed.append({"at": key, "new": msgspec.msgpack.encode(new(msgspec.msgpack.decode(record)))})
            except (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue
        if changed:
            connection.execute(change, changed)


def _pages(connection: sa.Connection, low: bytes, high: bytes) -> Iterator[list[Any]]:
    after = RECORDS.c.key >= low
    while True:
        wanted = sa.select(RECORDS).where(after, RECORDS.c.key < high).order_by(RECORDS.c.key).limit(AT_ONCE)
        some = list(connection.execute(wanted).all())
        if not some:
            return
        yield some
        after = RECORDS.c.key > some[-1][0]


def _start(old: dict[str, Any]) -> list[Any]:
    ids = [old.get(name) for name in ("pid", "guid", "parent_pid", "parent_guid")]
    texts = [old.get(name) for name in ("image", "parent_image", "command_line", "account")]
    return [old["time"], ids, texts, old.get("logon")]


def _unit(old: dict[str, Any], heads: _Heads) -> list[Any]:
    sample, chain, subject = dict(old["sample"]), old.get("chain"), old["subject"]
    rule = heads.name(old["rule"])
    sample["rule"] = OWN if heads.name(sample["rule"]) == rule else heads.whole(sample["rule"])
    entities = {
        key: [one["name"], one["first"], one["last"], one.get("count", 1)]
        for key, one in old.get("entities", {}).items()
    }
    body = msgspec.msgpack.encode([sample, entities, old.get("places", []), old.get("left_out", 0)])
    return [
        rule,
        *(old["device"], old["first"], old["last"]),
        [subject.get(name, [] if name in LISTS else None) for name in SUBJECT],
        body,
        None if chain is None else chain | {"rule": OWN},
        *(old.get("count", 0), old.get("version", 0), old.get("links", []), old.get("devices", [])),
        *(old.get("is_late", False), old.get("incident", ""), old.get("touched", 0), None),
    ]


class _Heads:
    """The records of rules' heads."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, Any]] = {}

    def name(self, head: dict[str, Any]) -> str:
        """Return what a record names a head by; one that has no record gets one."""
        if head["id"].startswith(NAMED):
            return str(head["id"])
        content = msgspec.msgpack.encode(head)
        name = hashlib.sha256(content).hexdigest()[:32]
        if self._read(name) is None:
            key = msgspec.msgpack.encode(("rule", name))
            self._connection.execute(sa.insert(RECORDS).values(key=key, record=content))
            self._known[name] = head
        return NAMED + name

    def whole(self, head: dict[str, Any]) -> dict[str, Any]:
        """Return a head itself. Raises KeyError where it is named and not there."""
        if not head["id"].startswith(NAMED):
            return head
        found = self._read(head["id"].removeprefix(NAMED))
        if found is None:
            raise KeyError(head["id"])
        return found

    def _read(self, name: str) -> dict[str, Any] | None:
        if name not in self._known:
            key = msgspec.msgpack.encode(("rule", name))
            record = self._connection.execute(sa.select(RECORDS.c.record).where(RECORDS.c.key == key)).scalar()
            if record is None:
                return None
            self._known[name] = msgspec.msgpack.decode(record)
        return self._known[name]
