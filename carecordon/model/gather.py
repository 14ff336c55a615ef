"""Rows gathered into a table: each distinct value of a field kept once."""

from __future__ import annotations

from typing import Any

import numpy as np

from carecordon.model.batch import ABSENT, UNKNOWN, Columns, Rows, Table
from carecordon.model.event import Value
from carecordon.model.fields import harden


def gather(rows: Rows) -> Table:
    """Return the rows as a columnar, dictionary-coded table; positions become sequences."""
    total = len(rows)
    kinds: dict[Any, int] = {}
    devices: dict[Any, int] = {}
    known_by_name: dict[str, dict[Any, int]] = {}
    values: dict[str, list[Value]] = {}
    index: dict[str, list[int]] = {}
    for row in range(total):
        fields = rows.complete(row)
        harden(fields)
        for name, value in fields.items():
            if name not in index:
                index[name] = [ABSENT] * total
                known_by_name[name], values[name] = {}, []
            known = known_by_name[name]
            index[name][row] = known.setdefault(told_apart(value), len(known))
            if len(known) > len(values[name]):
                values[name].append(value)
    distinct = [tuple(found) for found in values.values()]
    return Table(
        tuple(dict.fromkeys(rows.kinds)),
        np.array([kinds.setdefault(kind, len(kinds)) for kind in rows.kinds], np.int32),
        tuple(dict.fromkeys(rows.devices)),
        np.array([devices.setdefault(device, len(devices)) for device in rows.devices], np.int32),
        np.array([UNKNOWN if time is None else time for time in rows.times], np.int64),
        np.array(rows.positions, np.int64),
        Columns(tuple(index), np.array([*index.values()], np.int32).reshape(len(index), total), distinct.__getitem__),
    )


def told_apart(value: Value) -> Any:
    """Return a key that differs where values do: True, 1, 1.0 are equal in Python, and so are 0.0 and -0.0."""
    if isinstance(value, str):
        return value
    return tuple(map(told_apart, value)) if isinstance(value, tuple) else (type(value), repr(value))
