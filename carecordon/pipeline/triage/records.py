"""What grouping keeps, as small records under keys: a step names those it changed, and only these are written.

    unit      one unit, without the places beyond the first and without the identities of events
              it has met: what comes from a stream comes once
    start     one process of a device
    member    one event that a correlation may come to be made of
    incident  the ids that an incident had before
    passed    the event time up to which correlations were told

Read back, in any order, they give the same incidents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import msgspec

from carecordon.model.errors import TheirFault
from carecordon.model.match import Match
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.unit import Unit

Key = tuple[str, ...]
"""What sort of record it is, then what names it among them."""
UNIT, START, MEMBER, INCIDENT, PASSED = "unit", "start", "member", "incident", "passed"
PLACES_WRITTEN = 100
_T = TypeVar("_T")


def unit_key(unit: Unit) -> Key:
    """Return the key of a unit's record."""
    return (UNIT, *unit.key)


def start_key(start: ProcessStart) -> Key:
    """Return the key of a process's record: where its start was told."""
    return START, start.device, start.file, str(start.position)


def member_key(place: tuple[str, int]) -> Key:
    """Return the key of the record of an event that correlations are about."""
    return MEMBER, place[0], str(place[1])


def written(item: Unit | ProcessStart | Match | frozenset[str] | int) -> bytes:
    """Return the record of a unit, a process, a member, the former ids of an incident, or a time."""
    if isinstance(item, Unit):
        beyond = max(0, len(item.places) - PLACES_WRITTEN)
        item = replace(item, places=item.places[:PLACES_WRITTEN], left_out=item.left_out + beyond, seen=set())
    return msgspec.msgpack.encode(item)


def unreadable(records: Mapping[Key, bytes]) -> dict[Key, str]:
    """Return the keys of the records that are none of ours, and why."""
    found: dict[Key, str] = {}
    for key, record in records.items():
        try:
            Kept({key: record})
        except TheirFault as fault:
            found[key] = str(fault)
    return found


class Kept:
    """Records read back: units by key, processes, members by place, former ids by incident, how far was told."""

    def __init__(self, records: Mapping[Key, bytes]) -> None:
        """Read them. Raises TheirFault, with the key, for a record that is none of ours."""
        self.units: dict[tuple[str, ...], Unit] = {}
        self.starts: list[ProcessStart] = []
        self.members: dict[tuple[str, int], Match] = {}
        self.aliases: dict[str, frozenset[str]] = {}
        self.passed: int | None = None
        for key, record in records.items():
            self._read(key, record)

    def _read(self, key: Key, record: bytes) -> None:
        match key:
            case (kind, *_) if kind == UNIT:
                unit = _decoded(key, record, Unit)
                self.units[unit.key] = unit
            case (kind, *_) if kind == START:
                self.starts.append(_decoded(key, record, ProcessStart))
            case (kind, file, position) if kind == MEMBER:
                self.members[file, int(position)] = _decoded(key, record, Match)
            case (kind, name) if kind == INCIDENT:
                self.aliases[name] = _decoded(key, record, frozenset[str])
            case (kind,) if kind == PASSED:
                self.passed = _decoded(key, record, int)
            case _:
                raise TheirFault(f"{key}: no record of triage; the state is another version's, or damaged")


def _decoded(key: Key, record: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.msgpack.decode(record, type=kind)
    except msgspec.DecodeError as fault:
        raise TheirFault(f"{key}: the record cannot be read: {fault}; take the state from a backup") from fault
