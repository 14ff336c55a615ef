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
from carecordon.pipeline.triage.names import EVERY, LOGGED_ON, POWERSHELL, By, Name, call_of, fields_of, named_in

_VALUES_KNOWN = 65_536
_CALLS = frozenset({LOGGED_ON})


class Sketch:
    """Shown the events of a block, then asked for its numbers."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: set[object] = set()

    def see(self, rows: Rows) -> None:
        """Take in what events are about."""
        for kind, fields in zip(rows.kinds, rows.fields, strict=True):
            wanted = fields_of(kind)
            try:
                first = fields.get(wanted[0])
                if first is not None and len(wanted) == 1:
                    self._values.add(first)
                elif wanted is not POWERSHELL:
                    self._values.update(map(fields.get, EVERY if first is None else wanted))
            except TypeError:  # a list or mapping where a name should be is none
                self._values.update(value for value in map(fields.get, EVERY) if isinstance(value, str | int))
        self._values.update(call_of(rows.fields[row]) for row in rows.with_ids(_CALLS))

    def numbers(self) -> array[int]:
        """Return the numbers of what was seen."""
        found: set[int] = set()
        for value in self._values:
            if isinstance(value, str | int):
                found.update(_numbers_in(value))
        return array("I", found)


def bears_any(kind: Kind, fields: Mapping[str, Value], numbers: set[int]) -> bool:
    """Return whether an event may bear a name with one of these numbers."""
    wanted = fields_of(kind)
    if wanted is not POWERSHELL and not isinstance(fields.get(wanted[0]), str | int):
        wanted = EVERY
    values = [*map(fields.get, wanted), call_of(fields) if kind.event_id in _CALLS else None]
    return any(isinstance(value, str | int) and not numbers.isdisjoint(_numbers_in(value)) for value in values)


def numbers_of(names: Iterable[Name]) -> set[int]:
    """Return the numbers of names."""
    return {_number_of(_plain(name.partition(" ")[0] if by is By.CALLER else name)) for by, name in names}


@lru_cache(_VALUES_KNOWN)
def _numbers_in(value: str | int) -> tuple[int, ...]:
    """Return the numbers of the names that a field's value may give, whatever its spelling."""
    if isinstance(value, int):
        return (_number_of(str(value)),)
    plain = _plain(value)
    if plain.startswith("0x"):
        try:
            return _number_of(plain), _number_of(str(int(plain, 16)))
        except ValueError:
            return (_number_of(plain),)
    return _number_of(plain), *(_number_of(_plain(name)) for _, name in named_in(value))


def _plain(name: str) -> str:
    """Return a name in one spelling: without braces, in lower case, an address of version 4 as such."""
    return name.strip("{} ").lower().removeprefix("::ffff:")


def _number_of(name: str) -> int:
    return crc32(name.encode("utf-8", "surrogatepass"))
