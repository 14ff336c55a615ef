"""Rows gathered into a table: each distinct value of a field kept once."""

from __future__ import annotations

from typing import Any

import numpy as np

from carecordon.model.batch import ABSENT, UNKNOWN, Column, Rows, Table
from carecordon.model.fields import harden


def gather(rows: Rows) -> Table:
    """Return the rows as a columnar, dictionary-coded table; positions become sequences."""
    total = len(rows)
    kinds: dict[Any, int] = {}
    devices: dict[Any, int] = {}
    values: dict[str, dict[Any, int]] = {}
    index: dict[str, Any] = {}
    for row in range(total):
        fields = rows.complete(row)
        harden(fields)
        for name, value in fields.items():
            if name not in index:
                index[name] = np.full(total, ABSENT, np.int32)
                values[name] = {}
            known = values[name]
            index[name][row] = known.setdefault((type(value), value), len(known))
    return Table(
        tuple(dict.fromkeys(rows.kinds)),
        np.array([kinds.setdefault(kind, len(kinds)) for kind in rows.kinds], np.int32),
        tuple(dict.fromkeys(rows.devices)),
        np.array([devices.setdefault(device, len(devices)) for device in rows.devices], np.int32),
        np.array([UNKNOWN if time is None else time for time in rows.times], np.int64),
        np.array(rows.positions, np.int64),
        {name: Column(index[name], tuple(value for _, value in values[name])) for name in index},
    )
