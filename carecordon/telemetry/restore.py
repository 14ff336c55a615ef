"""An event come back whole: from a row of the table its header and its fields, each value of the type it had."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import compress
from typing import Any

from carecordon.model.event import Fields, Kind, LogSource, Value
from carecordon.telemetry.answer import Place, Stored
from carecordon.telemetry.columns import FIELDS, Storage
from carecordon.telemetry.values import reader_of, shape_marks

_HEADER = (
    "toUnixTimestamp64Nano(time)", "is_timed", "toUnixTimestamp64Nano(received)", "sender", "epoch", "sequence",
    "device", "channel", "provider", "event_id", "bound",
)  # fmt: skip
SELECTED = ", ".join((*_HEADER, *(column.name for column in FIELDS), "fields", "shape"))
"""What a question has to select so that `stored` understands its rows."""
_NAMES = tuple(column.name for column in FIELDS)
_NUMBERS = frozenset(column.name for column in FIELDS if column.storage is Storage.NUMBER)


def stored(row: Sequence[Any]) -> Stored:
    """Return the event of a row of `SELECTED`."""
    time, is_timed, received, sender, epoch, sequence, device, channel, provider, event_id, bound = row[: len(_HEADER)]
    kind = Kind(channel, provider, event_id, None if bound is None else LogSource(*json.loads(bound)))
    return Stored(
        Place(sender, epoch, sequence), kind, device, time if is_timed else None, received, _fields(row[len(_HEADER) :])
    )


def _fields(row: Sequence[Any]) -> Fields:
    *own, rest, shape = row
    # Absent is '' in a column of text and null in one of numbers; 0 is a number like any other.
    found: Fields = dict(compress(zip(_NAMES, own, strict=True), own))
    if 0 in own:
        found.update((name, 0) for name, kept in zip(_NAMES, own, strict=True) if kept == 0)
    found.update(rest)
    for name, reader in _readers(shape):
        if name in rest:
            found[name] = reader(rest[name])
        elif name in _NUMBERS:
            found[name] = str(found[name])
        else:
            found[name] = reader(str(found.get(name, "")))
    return found


@lru_cache(maxsize=1_024)
def _readers(shape: str) -> tuple[tuple[str, Callable[[str], Value]], ...]:
    return tuple((name, reader_of(mark)) for name, mark in shape_marks(shape).items())
