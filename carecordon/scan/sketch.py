"""What the events of a block are about, in small: their processes, logons and services, each as a number of 32 bits.

Made while a block is read the first time; by it the second reading leaves alone what cannot
hold anything of an incident. Two names may share a number: a block too many is read, never one too few.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from functools import lru_cache
from zlib import crc32

from carecordon.model.batch import Rows
from carecordon.pipeline.triage.subject import LOGON_FIELDS, SESSIONS, number

PROCESS_FIELDS = (
    "ProcessGuid",
    "ProcessId",
    "NewProcessId",
    "SourceProcessGuid",
    "SourceProcessGUID",
    "SourceProcessId",
)
"""Where an event names the process that it is about."""
_FIELDS = (*PROCESS_FIELDS, "ServiceName")
_NAMES_KNOWN = 65_536


class Sketch:
    """Shown the events of a block, then asked for its numbers."""

    def __init__(self) -> None:
        """Begin with none."""
        self._names: set[object] = set()

    def see(self, rows: Rows) -> None:
        """Take in what events are about."""
        for fields in rows.fields:
            self._add(map(fields.get, _FIELDS))
        for row in rows.with_ids(SESSIONS):
            self._add(map(rows.fields[row].get, LOGON_FIELDS))

    def _add(self, values: Iterator[object]) -> None:
        try:
            self._names.update(values)
        except TypeError:  # a list or mapping where a name should be is none; what is left is taken all the same
            self._add(values)

    def numbers(self) -> array[int]:
        """Return the numbers of what was seen."""
        return array("I", numbers_of(self._names))


def numbers_of(names: Collection[object]) -> set[int]:
    """Return the numbers of names, whatever their spelling: ids in braces or not, in decimal or as `0x…`."""
    return {number_of(name) for name in names if isinstance(name, str | int)}


@lru_cache(_NAMES_KNOWN)
def number_of(name: str | int) -> int:
    """Return the number of a name."""
    plain = number({"": name}, "")
    if plain is None and isinstance(name, str):
        name = name.strip("{} ").lower()
    return crc32(str(name if plain is None else plain).encode("utf-8", "surrogatepass"))
