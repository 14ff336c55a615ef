"""What is too large to be kept, by 16 bytes that are the same for equal content."""

from __future__ import annotations

import hashlib

import msgspec

DIGEST_BYTES = 16


def digest(content: object) -> bytes:
    """Return a digest of what msgspec can encode: structs, lists and the like; a dict's order counts."""
    try:
        encoded = msgspec.msgpack.encode(content)
    except (OverflowError, UnicodeEncodeError):  # a number or text of an event that is beyond all formats
        encoded = repr(content).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=DIGEST_BYTES).digest()
