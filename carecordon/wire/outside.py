"""What can be told of a batch from its outside, before anything is unpacked: sizes, numbers, the frame's header."""

from __future__ import annotations

from carecordon.model.errors import TheirFault
from carecordon.wire.codec import MAX_ROWS
from carecordon.wire.frame import check_frame
from carecordon.wire.messages import MAX_NUMBER, Batch
from carecordon.wire.session import MAX_BATCH_BYTES


def fault_of(batch: Batch) -> str | None:
    """Return why a batch can never be taken; None where nothing speaks against it so far.

    Not checked: whether it decodes, and whether its rows are as many as its numbers. That is seen where it is read.
    """
    if batch.first > batch.last or batch.last >= MAX_NUMBER:
        return f"batch: its numbers {batch.first} to {batch.last} are no range"
    if batch.last - batch.first >= MAX_ROWS:
        return f"batch: {batch.last - batch.first + 1} events, at most {MAX_ROWS} are taken: send smaller batches"
    if len(batch.data) > MAX_BATCH_BYTES:
        return f"batch: {len(batch.data)} bytes, at most {MAX_BATCH_BYTES} are taken: send smaller batches"
    try:
        check_frame(batch.data)
    except TheirFault as fault:
        return str(fault)
    return None
