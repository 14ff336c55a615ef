"""Records that a feed reads one by one, put together into runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from carecordon.model.block import RUN, Bad, Run


class Record(NamedTuple):
    """One decoded record: `position` in its block, and the document as its feed decodes it."""

    position: int
    document: dict[str, Any]


def in_runs(records: Iterable[Record | Bad]) -> Iterator[Run | Bad]:
    """Yield the records in runs, and each Bad in its place; raises what reading raises, after what was read."""
    held: list[dict[str, Any]] = []
    first = 0
    fault: Exception | None = None
    try:
        for record in records:
            if isinstance(record, Record) and record.position == first + len(held) and len(held) < RUN:
                held.append(record.document)
                continue
            if held:
                yield Run(first, held)
                held = []
            if isinstance(record, Bad):
                yield record
            else:
                first, held = record.position, [record.document]
    except Exception as raised:  # noqa: BLE001  # raised again below
        fault = raised
    if held:
        yield Run(first, held)
    if fault is not None:
        raise fault
