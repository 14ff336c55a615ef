"""Which partition a sender is in, and what a part may say of itself."""

from __future__ import annotations

import hashlib

from carecordon.model.errors import TheirFault
from carecordon.model.stream import Part

MAX_NUMBER = (1 << 63) - 1
MAX_SENDER = 256
"""Characters."""
MAX_PART = 64 * 1024 * 1024
MAX_CALL = 256 * 1024 * 1024
"""Bytes of all parts of one call: a group is read whole."""


def partition_of(sender: str, partitions: int) -> int:
    """Return the sender's partition: the same on every machine and in every release."""
    digest = hashlib.blake2b(sender.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions


def check_part(part: Part) -> None:
    """Return if a log can take the part. Raises TheirFault, with sender and number, where it cannot."""
    where = f"{part.sender[:MAX_SENDER]!r}:{part.first}"
    if not part.sender or len(part.sender) > MAX_SENDER or not _is_text(part.sender):
        raise TheirFault(f"{where}: a sender's name is text of 1 to {MAX_SENDER} characters")
    if not 0 <= part.epoch <= MAX_NUMBER:
        raise TheirFault(f"{where}: epoch {part.epoch} is none: they go from 0 to 2^63 - 1")
    if not 0 <= part.first <= part.last <= MAX_NUMBER:
        raise TheirFault(f"{where}: {part.first} to {part.last} are no numbers in order from 0 to 2^63 - 1")
    if len(part.data) > MAX_PART:
        raise TheirFault(f"{where}: {len(part.data)} bytes, at most {MAX_PART} are taken: send smaller batches")


def _is_text(sender: str) -> bool:
    try:
        sender.encode()
    except UnicodeEncodeError:
        return False
    return True
