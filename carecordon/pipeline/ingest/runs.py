"""Records that a feed reads one by one, put together into runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from carecordon.model.block import RUN, Bad, Run


class Record(NamedTuple):
    """One decoded record: `position` in its block, the document as its feed decodes it, and the JSON it came from.

    Of one feed, all records have a `text` or none has.
    """

    position: int
    document: dict[str, Any]
    text: str | None = None


def in_runs(records: Iterable[Record | Bad]) -> Iterator[Run | Bad]:
    """Yield the records in runs, and each Bad in its place; raises what reading raises, after what was read."""
    held: list[dict[str, Any]] = []
    texts: list[str] = []
    first = 0
    fault: Exception | None = None
    try:
        for record in records:
            if isinstance(record, Record) and record.position == first + len(held) and len(held) < RUN:
                held.append(record.document)
                if record.text is not None:
                    texts.append(record.text)
                continue
            if held:
                yield _run(first, held, texts)
                held, texts = [], []
            if isinstance(record, Bad):
                yield record
            else:
                first, held, texts = record.position, [record.document], [] if record.text is None else [record.text]
    except Exception as raised:  # noqa: BLE001  # raised again below
        fault = raised
    if held:
        yield _run(first, held, texts)
    if fault is not None:
        raise fault


def _run(position: int, documents: list[dict[str, Any]], texts: list[str]) -> Run:
    return Run(position, documents, "\n".join(texts).encode("utf-8", "replace") if texts else None)
