"""What the events of a block are about, in small: the names they can be asked for by, each as a number of 32 bits.

Made while a block is read the first time; by it the second reading leaves alone what cannot
hold anything of an incident. Two names may share a number: a block too many is read, never one too few.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from functools import lru_cache
from zlib import crc32

from carecordon.model.batch import Rows
from carecordon.model.event import Kind, Value
from carecordon.pipeline.triage.names import (
    EVERY,
    LOGGED_ON,
    POWERSHELL,
    By,
    Name,
    call_of,
    fields_of,
    fields_of_kind,
    named_in,
)
from carecordon.pipeline.triage.ordinary import telling_address
from carecordon.pipeline.triage.subject import number

MOST = 4_096
"""Numbers in a sketch: what has more is read again wherever its time fits."""
_KNOWN_CHARS = 512
"""The numbers of longer texts are not remembered."""
_SHORT = 64
"""Longer texts are neither numbers nor addresses."""
_MOST_PID = 1 << 32
_CALLS = frozenset({LOGGED_ON})


class Sketch:
    """Shown the events of a block, then asked for its numbers."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: set[object] = set()
        self._is_whole = True

    def see(self, rows: Rows) -> None:
        """Take in what events are about. What goes wrong here spoils the sketch, never the scan."""
        try:
            self._see(rows)
        except Exception:  # noqa: BLE001  # a block without a sketch may hold anything
            self._is_whole = False

    def numbers(self) -> array[int] | None:
        """Return the numbers of what was seen; None where they would be too many: it may be anything."""
        found: set[int] = set()
        for value in self._values:
            found.update(_numbers_in(value))
        return array("I", found) if self._is_whole and len(found) <= MOST else None

    def _see(self, rows: Rows) -> None:
        for kind, fields in zip(rows.kinds, rows.fields, strict=True):
            wanted = fields_of_kind(kind)
            try:  # fields_of written out: a call, and a set for one field, would cost 2 % of the first reading
                first = fields.get(wanted[0])
                if first is not None and len(wanted) == 1:
                    self._values.add(first)
                elif wanted is not POWERSHELL:
                    self._values.update(map(fields.get, EVERY if first is None else wanted))
            except TypeError:  # a list or mapping where a name should be is none
                self._values.update(value for value in map(fields.get, EVERY) if isinstance(value, str | int))
        self._values.update(call_of(rows.fields[row]) for row in rows.with_ids(_CALLS))


def bears_any(kind: Kind, fields: Mapping[str, Value], numbers: set[int]) -> bool:
    """Return whether an event may bear a name with one of these numbers."""
    values = [*map(fields.get, fields_of(kind, fields)), call_of(fields) if kind.event_id in _CALLS else None]
    return any(not numbers.isdisjoint(_numbers_in(value)) for value in values if value is not None)


def numbers_of(names: Iterable[Name]) -> set[int]:
    """Return the numbers of names."""
    return {_number_of(_plain(name.partition(" ")[0] if by is By.CALLER else name)) for by, name in names}


def _numbers_in(value: object) -> tuple[int, ...]:
    """Return the numbers of the names that a field's value may give, whatever its type and spelling."""
    if isinstance(value, str):
        return _known_numbers(value) if len(value) <= _KNOWN_CHARS else _numbers(value)
    # To a set 1988, 1988.0 and True or 1 are one: whichever came first stands for the others.
    if isinstance(value, int | float) and 0 <= value < _MOST_PID:
        return (_number_of(str(int(value))),)
    return ()


def _numbers(value: str) -> tuple[int, ...]:
    found = {_plain(value), *(_plain(name) for _, name in named_in(value))}
    if len(value) <= _SHORT:
        pid, address = number({"": value}, ""), telling_address(value) if value.count(":") > 1 else None
        found.update(str(name) for name in (pid, address) if name is not None)
    return tuple(map(_number_of, found))


_known_numbers = lru_cache(65_536)(_numbers)


def _plain(name: str) -> str:
    """Return a name in one spelling: without braces, in lower case."""
    return name.strip("{} ").lower()


def _number_of(name: str) -> int:
    return crc32(name.encode("utf-8", "surrogatepass"))
