"""An event come back whole: from a row of the table its header and its fields, each value of the type it had."""

from __future__ import annotations

import json
from collections.abc import Sequence
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


def stored(row: Sequence[Any]) -> Stored:
    """Return the event of a row of `SELECTED`."""
    time, is_timed, received, sender, epoch, sequence, device, channel, provider, event_id, bound = row[: len(_HEADER)]
    kind = Kind(channel, provider, event_id, None if bound is None else LogSource(*json.loads(bound)))
    return Stored(
        Place(sender, epoch, sequence), kind, device, time if is_timed else None, received, _fields(row[len(_HEADER) :])
    )


def _fields(row: Sequence[Any]) -> Fields:
    *own, rest, shape = row
    marks = shape_marks(shape)
    found: Fields = {}
    for column, kept in zip(FIELDS, own, strict=True):
        mark = marks.get(column.name, "")
        if column.storage is Storage.NUMBER:
            if kept is not None:
                found[column.name] = str(kept) if mark else kept
        elif kept or mark:
            found[column.name] = read(kept, mark)
    for name, text in rest.items():
        found[name] = read(text, marks.get(name, ""))
    return found
