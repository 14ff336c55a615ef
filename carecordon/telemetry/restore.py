"""An event come back whole: from a row of the table its header and its fields, each value of the type it had."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from carecordon.model.event import Fields, Kind, LogSource
from carecordon.telemetry.answer import Place, Stored
from carecordon.telemetry.columns import FIELDS, Storage
from carecordon.telemetry.values import read, shape_marks

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
    found: Fields = {name: kept for name, kept in zip(_NAMES, own, strict=True) if kept or kept == 0}
    found.update(rest)
    for name, mark in _marks(shape).items():
        if name in rest:
            found[name] = read(rest[name], mark)
        elif name in _NUMBERS:
            found[name] = str(found[name])
        else:
            found[name] = read(str(found.get(name, "")), mark)
    return found


@lru_cache(maxsize=1_024)
def _marks(shape: str) -> Mapping[str, str]:
    return shape_marks(shape)
