"""How far a partition is folded and trimmed, and how far each consumer is: small rows, each behind a checksum."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from carecordon.model.stream import Damage
from carecordon.stream.backends.on_sqlite.groups import Groups
from carecordon.stream.frame import seal, unseal


class End(NamedTuple):
    """A position, and how many parts and bytes the partition has had up to and with it."""

    position: int
    parts: int
    size: int


START = End(0, 0, 0)


class Bounds(NamedTuple):
    """Everything up to `folded` is in the table of marks; everything up to `trimmed` is forgotten, and folded."""

    folded: End
    trimmed: End


_BOUNDS = msgspec.msgpack.Decoder(Bounds)
_POSITION = msgspec.msgpack.Decoder(int)


def read_bounds(groups: Groups, partition: int) -> Bounds:
    """Return a partition's bounds; where they are damaged, what its rows and acknowledgements show."""
    row = groups.connection.execute(
        "SELECT CAST(state AS BLOB) FROM bounds WHERE partition = ?", (partition,)
    ).fetchone()
    if row is None:
        return Bounds(START, START)
    raw = unseal(_about("bounds", partition), row[0])
    if raw is not None:
        return _BOUNDS.decode(raw)
    groups.tell(Damage(partition, 0, 0, "how far it is trimmed cannot be read: taken from its first group"))
    first = groups.first_after(partition, 0)
    acks = groups.connection.execute("SELECT CAST(consumer AS TEXT), partition FROM acks").fetchall()
    acked = max((read_ack(groups, consumer, own) for consumer, own in acks if own == partition), default=0)
    seen = START if first is None else End(first.position - 1, max(0, first.parts - 1), first.size)
    # Positions never come twice: those that a consumer has acknowledged were given once, even if no row is left.
    end = seen if first is not None else End(acked, 0, 0)
    return Bounds(end, end)


def write_bounds(groups: Groups, partition: int, bounds: Bounds) -> None:
    """Keep a partition's bounds."""
    state = seal(_about("bounds", partition), msgspec.msgpack.encode(bounds))
    groups.connection.execute("INSERT OR REPLACE INTO bounds VALUES (?, ?)", (partition, state))


def read_ack(groups: Groups, consumer: str, partition: int) -> int:
    """Return how far a consumer is; 0 where that is damaged: then everything comes again, which loses nothing."""
    sql = "SELECT CAST(state AS BLOB) FROM acks WHERE consumer = ? AND partition = ?"
    row = groups.connection.execute(sql, (consumer, partition)).fetchone()
    if row is None:
        return 0
    raw = unseal(_about(consumer, partition), row[0])
    if raw is None:
        groups.tell(Damage(partition, 0, 0, f"how far {consumer!r} is cannot be read: everything comes again"))
        return 0
    return _POSITION.decode(raw)


def write_ack(groups: Groups, consumer: str, partition: int, position: int) -> None:
    """Keep how far a consumer is."""
    state = seal(_about(consumer, partition), msgspec.msgpack.encode(position))
    groups.connection.execute("INSERT OR REPLACE INTO acks VALUES (?, ?, ?)", (consumer, partition, state))


def _about(name: str, partition: int) -> bytes:
    return f"{partition}:{name}".encode()
